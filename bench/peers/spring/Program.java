import java.util.HashMap;
import java.util.Map;
import java.util.Scanner;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.springframework.kafka.core.ConsumerFactory;
import org.springframework.kafka.core.DefaultKafkaConsumerFactory;
import org.springframework.kafka.core.DefaultKafkaProducerFactory;
import org.springframework.kafka.core.ProducerFactory;

/** What server and client share: settings, the line protocol, the settings of Kafka's clients. See ../../README.md. */
final class Program {
    private Program() {}

    /** The settings of the command line, NAME=VALUE each. */
    static Map<String, String> settings(String[] args) {
        var all = new HashMap<String, String>();
        for (var arg : args) {
            var parts = arg.split("=", 2);
            all.put(parts[0], parts.length > 1 ? parts[1] : "");
        }
        return all;
    }

    /** Kafka 4's producer waits 5 ms for more records by default, which a call would pay twice. */
    static ProducerFactory<String, String> producers(String brokers) {
        return new DefaultKafkaProducerFactory<>(Map.of(
            ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, brokers,
            ProducerConfig.ACKS_CONFIG, "all",
            ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, true,
            ProducerConfig.LINGER_MS_CONFIG, 0), new StringSerializer(), new StringSerializer());
    }

    static ConsumerFactory<String, String> consumers(String brokers, String begin) {
        return new DefaultKafkaConsumerFactory<>(Map.of(
            ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, brokers,
            ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, begin), new StringDeserializer(), new StringDeserializer());
    }

    /** One command of the line protocol. */
    interface Answer {
        String to(String[] words) throws Exception;
    }

    /** Answers each line of stdin with a line, until stdin ends. */
    static void converse(Answer answer) {
        System.out.println("ready");
        for (var in = new Scanner(System.in); in.hasNextLine(); ) {
            var words = in.nextLine().split(" ");
            try {
                System.out.println(words[0].equals("usage") ? "{}" : answer.to(words));
            } catch (Exception error) {
                System.out.println("{\"error\":\"" + error.toString().replaceAll("[^\\x20-\\x7e]|[\"\\\\]", " ") + "\"}");
            }
        }
    }
}
