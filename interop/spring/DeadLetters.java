import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import java.util.Scanner;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.kafka.annotation.EnableKafkaRetryTopic;
import org.springframework.kafka.annotation.KafkaListener;
import org.springframework.kafka.annotation.RetryableTopic;
import org.springframework.kafka.annotation.BackOff;
import org.springframework.kafka.config.ConcurrentKafkaListenerContainerFactory;
import org.springframework.kafka.config.KafkaListenerEndpointRegistry;
import org.springframework.kafka.core.DefaultKafkaConsumerFactory;
import org.springframework.kafka.core.DefaultKafkaProducerFactory;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.kafka.listener.DeadLetterPublishingRecoverer;
import org.springframework.kafka.listener.DefaultErrorHandler;
import org.springframework.kafka.retrytopic.RetryTopicHeaders;
import org.springframework.scheduling.TaskScheduler;
import org.springframework.scheduling.concurrent.ThreadPoolTaskScheduler;
import org.springframework.util.backoff.FixedBackOff;

/**
 * A service on Spring Kafka that writes dead letters: from one topic with DeadLetterPublishingRecoverer, from another
 * with @RetryableTopic. It fails until a line with "mend" comes on stdin.
 *
 * It prints "ready", "failed TOPIC VALUE", "mended", and "handled TOPIC PARTITION KEY VALUE HEADERS"; and for each record
 * that comes from a retry topic, before it is handled, "retried TOPIC PARTITION KEY VALUE ATTEMPT NOW", the last in
 * milliseconds since 1970.
 *
 * Java runs this file as it is: java -cp 'JARS/*' DeadLetters.java BROKERS PLAIN RETRYABLE
 */
@Configuration(proxyBeanMethods = false)
@EnableKafkaRetryTopic
class DeadLetters {
    static String brokers;
    static volatile boolean mended;

    public static void main(String[] args) {
        brokers = args[0];
        System.setProperty("plain", args[1]);
        System.setProperty("retryable", args[2]);
        try (var context = new AnnotationConfigApplicationContext(DeadLetters.class)) {
            var registry = context.getBean(KafkaListenerEndpointRegistry.class);
            for (var container : registry.getListenerContainers()) {
                while (container.getAssignedPartitions() == null || container.getAssignedPartitions().isEmpty()) {
                    Thread.onSpinWait();
                }
            }
            say("ready");
            for (var in = new Scanner(System.in); in.hasNextLine(); ) {
                mended = in.nextLine().equals("mend");
                say("mended");
            }
        }
    }

    static synchronized void say(String line) {
        System.out.println(line);
    }

    @KafkaListener(topics = "${plain}", groupId = "${plain}-group", containerFactory = "plainFactory")
    void plain(ConsumerRecord<String, String> record) {
        handle(record);
    }

    @RetryableTopic(attempts = "3", backOff = @BackOff(delay = 50), autoCreateTopics = "false", kafkaTemplate = "template")
    @KafkaListener(topics = "${retryable}", groupId = "${retryable}-group", containerFactory = "factory")
    void retryable(ConsumerRecord<String, String> record) {
        var attempts = record.headers().lastHeader(RetryTopicHeaders.DEFAULT_HEADER_ATTEMPTS);
        if (attempts != null) {
            say("retried " + record.topic() + " " + record.partition() + " " + record.key() + " " + record.value() + " "
                + ByteBuffer.wrap(attempts.value()).getInt() + " " + System.currentTimeMillis());
        }
        handle(record);
    }

    static void handle(ConsumerRecord<String, String> record) {
        if (!mended) {
            say("failed " + record.topic() + " " + record.value());
            throw new IllegalStateException("no stock for " + record.value());
        }
        var names = new TreeSet<String>();
        for (var header : record.headers()) {
            names.add(header.key());
        }
        say("handled " + record.topic() + " " + record.partition() + " " + record.key() + " " + record.value() + " "
            + String.join(",", names));
    }

    @Bean
    TaskScheduler scheduler() {
        return new ThreadPoolTaskScheduler();
    }

    @Bean
    KafkaTemplate<String, String> template() {
        Map<String, Object> config = Map.of("bootstrap.servers", brokers);
        return new KafkaTemplate<>(new DefaultKafkaProducerFactory<>(config, new StringSerializer(), new StringSerializer()));
    }

    @Bean
    ConcurrentKafkaListenerContainerFactory<String, String> factory() {
        Map<String, Object> config = new HashMap<>(Map.of("bootstrap.servers", brokers, "auto.offset.reset", "earliest",
            "isolation.level", "read_committed", "metadata.max.age.ms", 1000));
        var factory = new ConcurrentKafkaListenerContainerFactory<String, String>();
        factory.setConsumerFactory(new DefaultKafkaConsumerFactory<>(config, new StringDeserializer(), new StringDeserializer()));
        return factory;
    }

    @Bean
    ConcurrentKafkaListenerContainerFactory<String, String> plainFactory() {
        var factory = factory();
        factory.setCommonErrorHandler(new DefaultErrorHandler(new DeadLetterPublishingRecoverer(template()), new FixedBackOff(0, 0)));
        return factory;
    }
}
