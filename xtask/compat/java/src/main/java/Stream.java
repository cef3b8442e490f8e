import com.github.shyiko.mysql.binlog.BinaryLogClient;
import com.github.shyiko.mysql.binlog.event.ByteArrayEventData;
import com.github.shyiko.mysql.binlog.event.DeleteRowsEventData;
import com.github.shyiko.mysql.binlog.event.Event;
import com.github.shyiko.mysql.binlog.event.EventData;
import com.github.shyiko.mysql.binlog.event.EventHeaderV4;
import com.github.shyiko.mysql.binlog.event.QueryEventData;
import com.github.shyiko.mysql.binlog.event.TransactionPayloadEventData;
import com.github.shyiko.mysql.binlog.event.UpdateRowsEventData;
import com.github.shyiko.mysql.binlog.event.WriteRowsEventData;
import java.util.Arrays;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/**
 * Streams a binlog from its start with mysql-binlog-connector-java: one line an event, with all that it holds.
 * Arguments: HOST PORT USER PASSWORD PRODUCT FILE END.
 */
public class Stream {
    /** Longer than that nothing ever takes. */
    private static final long IDLE_S = 20;

    public static void main(String[] args) throws Exception {
        BinaryLogClient client =
            new BinaryLogClient(args[0], Integer.parseInt(args[1]), args[2], args[3]);
        client.setServerId(4104);
        client.setBinlogFilename(args[5]);
        client.setBinlogPosition(4);
        client.setKeepAlive(false);
        // Events, or why there are no more.
        BlockingQueue<Object> told = new ArrayBlockingQueue<>(1);
        client.registerEventListener(event -> put(told, event));
        client.registerLifecycleListener(new BinaryLogClient.AbstractLifecycleListener() {
            @Override
            public void onCommunicationFailure(BinaryLogClient c, Exception error) {
                put(told, error);
            }

            @Override
            public void onEventDeserializationFailure(BinaryLogClient c, Exception error) {
                put(told, error);
            }
        });
        client.connect(10000);
        for (;;) {
            Object next = told.poll(IDLE_S, TimeUnit.SECONDS);
            if (!(next instanceof Event)) {
                fail(next instanceof Exception ? ((Exception) next).getMessage() : "nothing came");
            }
            Event event = (Event) next;
            EventHeaderV4 header = event.getHeader();
            System.out.println(header.getEventType() + " " + header.getNextPosition() + " "
                + header.getEventLength() + " " + content(event.getData()).replace('\n', ' '));
            if (event.getData() instanceof QueryEventData
                    && ((QueryEventData) event.getData()).getSql().contains(args[6])) {
                System.out.flush();
                System.exit(0);
            }
        }
    }

    private static void put(BlockingQueue<Object> told, Object what) {
        try {
            told.put(what);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }

    private static void fail(String why) {
        System.out.flush();
        System.err.println(why);
        System.exit(1);
    }

    /** What an event holds; bytes too, of which Java only says where they lie. */
    private static String content(EventData data) {
        if (data instanceof WriteRowsEventData) {
            return Arrays.deepToString(((WriteRowsEventData) data).getRows().toArray());
        } else if (data instanceof DeleteRowsEventData) {
            return Arrays.deepToString(((DeleteRowsEventData) data).getRows().toArray());
        } else if (data instanceof UpdateRowsEventData) {
            return ((UpdateRowsEventData) data).getRows().stream()
                .map(row -> Arrays.deepToString(row.getKey()) + "->" + Arrays.deepToString(row.getValue()))
                .collect(Collectors.joining(", "));
        } else if (data instanceof ByteArrayEventData) {
            return Arrays.toString(((ByteArrayEventData) data).getData());
        } else if (data instanceof TransactionPayloadEventData) {
            return ((TransactionPayloadEventData) data).getUncompressedEvents().stream()
                .map(event -> content(event.getData())).collect(Collectors.joining("; "));
        }
        return String.valueOf(data);
    }
}
