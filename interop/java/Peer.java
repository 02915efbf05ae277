import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * A client of Apache Kafka's own library, with its defaults: acks=all and an idempotent producer.
 *
 * produce BROKERS TOPIC COUNT        sends value-0, value-1 ... and prints "acked OFFSET VALUE" for each
 * consume BROKERS TOPIC COUNT GROUP  reads as a group's member until the offset COUNT, and prints "read OFFSET VALUE"
 *                                    for each and "committed OFFSET" after each poll
 *
 * Java runs this file as it is: java -cp 'JARS/*' Peer.java produce ...
 */
class Peer {
    public static void main(String[] args) throws Exception {
        int count = Integer.parseInt(args[3]);
        if (args[0].equals("produce")) {
            produce(args[1], args[2], count);
        } else {
            consume(args[1], args[2], count, args[4]);
        }
    }

    static void produce(String brokers, String topic, int count) throws Exception {
        Map<String, Object> config = Map.of("bootstrap.servers", brokers, "reconnect.backoff.max.ms", 100);
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            for (int i = 0; i < count; i++) {
                var stored = producer.send(new ProducerRecord<>(topic, "value-" + i)).get();
                System.out.println("acked " + stored.offset() + " value-" + i);
            }
        }
    }

    static void consume(String brokers, String topic, int count, String group) {
        Map<String, Object> config = Map.of("bootstrap.servers", brokers, "group.id", group, "auto.offset.reset", "earliest",
            "enable.auto.commit", false, "session.timeout.ms", 6000, "max.poll.records", 5, "reconnect.backoff.max.ms", 100,
            "metadata.max.age.ms", 1000);
        try (var consumer = new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(topic));
            for (long next = 0; next < count; ) {
                for (var record : consumer.poll(Duration.ofMillis(200))) {
                    System.out.println("read " + record.offset() + " " + record.value());
                    next = record.offset() + 1;
                }
                next = commit(consumer, next);
            }
        }
    }

    /** Commits what was read; after a lost membership the next poll reads it again. */
    static long commit(KafkaConsumer<String, String> consumer, long next) {
        try {
            consumer.commitSync();
            System.out.println("committed " + next);
            return next;
        } catch (org.apache.kafka.clients.consumer.CommitFailedException lost) {
            return 0;
        }
    }
}
