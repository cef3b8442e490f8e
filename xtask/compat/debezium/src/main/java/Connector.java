import io.debezium.engine.ChangeEvent;
import io.debezium.engine.DebeziumEngine;
import io.debezium.engine.format.Json;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Runs Debezium's connector for MySQL from the start of a server's binlog, and prints each record that it sends: an
 * object a line with its topic, its key and its value. Ends after the record whose value contains END.
 * Arguments: HOST PORT USER PASSWORD END [NAME=VALUE]…, where the last are further settings of the connector.
 */
public class Connector {
    /** Longer than that the whole never takes. */
    private static final long TOTAL_S = 180;

    public static void main(String[] args) throws Exception {
        Properties settings = new Properties();
        settings.setProperty("name", "compat");
        settings.setProperty("connector.class", "io.debezium.connector.mysql.MySqlConnector");
        settings.setProperty("offset.storage", "org.apache.kafka.connect.storage.MemoryOffsetBackingStore");
        settings.setProperty("schema.history.internal", "io.debezium.relational.history.MemorySchemaHistory");
        settings.setProperty("database.hostname", args[0]);
        settings.setProperty("database.port", args[1]);
        settings.setProperty("database.user", args[2]);
        settings.setProperty("database.password", args[3]);
        settings.setProperty("driver.allowPublicKeyRetrieval", "true");
        settings.setProperty("database.server.id", "4107");
        // No tables are read: all that is known comes from the binlog, from its start.
        settings.setProperty("snapshot.mode", "configuration_based");
        settings.setProperty("snapshot.mode.configuration.based.start.stream", "true");
        settings.setProperty("poll.interval.ms", "50");
        settings.setProperty("key.converter.schemas.enable", "false");
        settings.setProperty("value.converter.schemas.enable", "false");
        // Without this a NULL comes as the column's default.
        settings.setProperty("key.converter.replace.null.with.default", "false");
        settings.setProperty("value.converter.replace.null.with.default", "false");
        for (int i = 5; i < args.length; i++) {
            String[] setting = args[i].split("=", 2);
            settings.setProperty(setting[0], setting[1]);
        }

        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        CountDownLatch end = new CountDownLatch(1);
        AtomicReference<String> failure = new AtomicReference<>();
        DebeziumEngine<ChangeEvent<String, String>> engine = DebeziumEngine.create(Json.class)
            .using(settings)
            .using((success, message, error) -> {
                if (!success) {
                    failure.compareAndSet(null, message + ": " + cause(error));
                }
                end.countDown();
            })
            .notifying((List<ChangeEvent<String, String>> records,
                    DebeziumEngine.RecordCommitter<ChangeEvent<String, String>> committer) -> {
                for (ChangeEvent<String, String> record : records) {
                    if (end.getCount() == 0) {
                        return;
                    }
                    out.println("{\"topic\":\"" + record.destination() + "\",\"key\":" + record.key()
                        + ",\"value\":" + record.value() + "}");
                    if (record.value() != null && record.value().contains(args[4])) {
                        end.countDown();
                    }
                    committer.markProcessed(record);
                }
                committer.markBatchFinished();
            })
            .build();
        ExecutorService executor = Executors.newSingleThreadExecutor();
        executor.execute(engine);
        if (!end.await(TOTAL_S, TimeUnit.SECONDS)) {
            failure.compareAndSet(null, "the end did not come");
        }
        out.flush();
        if (failure.get() != null) {
            System.err.println(failure.get().replace('\n', ' '));
        }
        // The engine's own end takes a while, and has nothing to keep.
        Runtime.getRuntime().halt(failure.get() == null ? 0 : 1);
    }

    /** The innermost reason, which says most. */
    private static String cause(Throwable error) {
        while (error != null && error.getCause() != null) {
            error = error.getCause();
        }
        return String.valueOf(error);
    }
}
