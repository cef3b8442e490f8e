import com.github.shyiko.mysql.binlog.BinaryLogClient;
import com.github.shyiko.mysql.binlog.event.EventHeaderV4;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Streams a binlog from its start with mysql-binlog-connector-java: one line an event.
 * Arguments: HOST PORT USER PASSWORD PRODUCT FILE.
 */
public class Stream {
    public static void main(String[] args) throws Exception {
        BinaryLogClient client =
            new BinaryLogClient(args[0], Integer.parseInt(args[1]), args[2], args[3]);
        client.setServerId(4104);
        client.setBinlogFilename(args[5]);
        client.setBinlogPosition(4);
        client.setKeepAlive(false);
        AtomicLong last = new AtomicLong(System.nanoTime());
        AtomicReference<Exception> failure = new AtomicReference<>();
        client.registerEventListener(event -> {
            EventHeaderV4 header = event.getHeader();
            System.out.println(header.getEventType() + " " + header.getNextPosition() + " "
                + header.getEventLength());
            last.set(System.nanoTime());
        });
        client.registerLifecycleListener(new BinaryLogClient.AbstractLifecycleListener() {
            @Override
            public void onCommunicationFailure(BinaryLogClient c, Exception error) {
                failure.compareAndSet(null, error);
            }

            @Override
            public void onEventDeserializationFailure(BinaryLogClient c, Exception error) {
                failure.compareAndSet(null, error);
            }
        });
        client.connect(10000);
        while (failure.get() == null && System.nanoTime() - last.get() < 3_000_000_000L) {
            Thread.sleep(50);
        }
        client.disconnect();
        if (failure.get() != null) {
            System.err.println(failure.get().getMessage());
            System.exit(1);
        }
        System.exit(0);
    }
}
