import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.Cluster;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.kafka.core.ProducerFactory;
import org.springframework.kafka.listener.DeadLetterPublishingRecoverer;
import org.springframework.kafka.listener.ListenerExecutionFailedException;

/**
 * Prints the dead letter that Spring Kafka's DeadLetterPublishingRecoverer writes for one record, and the one that it
 * writes when that letter fails again: topic, partition, timestamp, and the headers in their order, values in hex.
 *
 * Java runs this file as it is: java -cp 'JARS/*' DeadLetters.java
 */
class DeadLetters {
    public static void main(String[] args) throws Exception {
        var headers = new RecordHeaders();
        headers.add("trace", "t1".getBytes(StandardCharsets.UTF_8));
        headers.add("null", null);
        headers.add("trace", "t2".getBytes(StandardCharsets.UTF_8));
        var rec = new ConsumerRecord<byte[], byte[]>("orders", 2, 66051, 0x19c01020304L, TimestampType.CREATE_TIME,
            1, 8, bytes("k"), bytes("{\"id\":7}"), headers, Optional.empty());
        var letter = fail(rec, new IllegalStateException("save", new RuntimeException("no stock")));
        print("first", letter);
        var again = new ConsumerRecord<byte[], byte[]>("orders", 1, 9, 0x19c01020305L, TimestampType.LOG_APPEND_TIME,
            1, 8, letter.key(), letter.value(), new RecordHeaders(letter.headers()), Optional.empty());
        print("again", fail(again, new RuntimeException("custom")));
    }

    static byte[] bytes(String text) { return text.getBytes(StandardCharsets.UTF_8); }

    static ProducerRecord<byte[], byte[]> fail(ConsumerRecord<byte[], byte[]> rec, Exception cause) {
        var producer = new MockProducer<>(true, null, new ByteArraySerializer(), new ByteArraySerializer());
        ProducerFactory<byte[], byte[]> factory = () -> producer;
        var template = new KafkaTemplate<>(factory);
        var recoverer = new DeadLetterPublishingRecoverer(template);
        recoverer.setVerifyPartition(false);
        recoverer.accept(rec, null, new ListenerExecutionFailedException("Listener failed", "shop", cause));
        return producer.history().get(0);
    }

    static void print(String name, ProducerRecord<byte[], byte[]> r) {
        System.out.println(name + " topic=" + r.topic() + " partition=" + r.partition() + " timestamp=" + r.timestamp()
            + " key=" + new String(r.key()) + " value=" + new String(r.value()));
        for (var h : r.headers()) {
            boolean stack = h.key().endsWith("stacktrace");
            System.out.println(h.key() + " " + (h.value() == null ? "null" : stack ? "(stack)" : HexFormat.of().formatHex(h.value())));
        }
    }
}
