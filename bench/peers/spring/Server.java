import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.kafka.annotation.EnableKafka;
import org.springframework.kafka.annotation.KafkaListener;
import org.springframework.kafka.config.ConcurrentKafkaListenerContainerFactory;
import org.springframework.kafka.config.KafkaListenerEndpointRegistry;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.messaging.handler.annotation.SendTo;

/** The server of the side "spring": one method with @KafkaListener and @SendTo. */
@Configuration(proxyBeanMethods = false)
@EnableKafka
class Server {
    private static Map<String, String> settings;
    private static final Tally seen = new Tally();

    public static void main(String[] args) throws InterruptedException {
        settings = Program.settings(args);
        System.setProperty("pattern", settings.get("pattern"));
        System.setProperty("partitions", settings.getOrDefault("partitions", "1"));
        try (var context = new AnnotationConfigApplicationContext(Server.class)) {
            for (var container : context.getBean(KafkaListenerEndpointRegistry.class).getListenerContainers()) {
                while (container.getAssignedPartitions() == null || container.getAssignedPartitions().isEmpty()) {
                    Thread.sleep(5);
                }
            }
            Program.converse(words -> {
                if (!words[0].equals("handled")) {
                    throw new IllegalArgumentException(words[0] + ": a server knows only handled, and usage");
                }
                return seen.await(Long.parseLong(words[1]));
            });
        }
        System.exit(0); // Kafka's threads would end by themselves, but later
    }

    @Bean
    ConcurrentKafkaListenerContainerFactory<String, String> kafkaListenerContainerFactory() {
        var factory = new ConcurrentKafkaListenerContainerFactory<String, String>();
        factory.setConsumerFactory(Program.consumers(settings.get("brokers"), "earliest"));
        factory.setReplyTemplate(new KafkaTemplate<>(Program.producers(settings.get("brokers"))));
        return factory;
    }

    @Bean
    Object handler() {
        long delay = Long.parseLong(settings.getOrDefault("delay_ms", "0"));
        return switch (settings.get("op")) {
            case "sum" -> delay > 0 ? new Later(delay) : new Sum();
            case "echo" -> new Echo();
            case "events" -> new Events();
            default -> throw new IllegalArgumentException("ReplyingKafkaTemplate ends a call with its first reply");
        };
    }

    static String sum(String json) {
        double sum = 0;
        for (var number : json.substring(1, json.length() - 1).split(",")) {
            sum += Double.parseDouble(number);
        }
        return Double.toString(sum);
    }

    static class Sum {
        @KafkaListener(topics = "${pattern}", groupId = "${pattern}-server", concurrency = "${partitions}")
        @SendTo
        String handle(String json) {
            return sum(json);
        }
    }

    /** A handler that waits gives its thread back: then Spring acknowledges records out of order. */
    static class Later {
        private final Executor later;

        Later(long delay) {
            later = CompletableFuture.delayedExecutor(delay, TimeUnit.MILLISECONDS);
        }

        @KafkaListener(topics = "${pattern}", groupId = "${pattern}-server", concurrency = "${partitions}")
        @SendTo
        CompletableFuture<String> handle(String json) {
            return CompletableFuture.supplyAsync(() -> sum(json), later);
        }
    }

    static class Echo {
        @KafkaListener(topics = "${pattern}", groupId = "${pattern}-server", concurrency = "${partitions}")
        @SendTo
        String handle(String text) {
            return text;
        }
    }

    static class Events {
        @KafkaListener(topics = "${pattern}", groupId = "${pattern}-server", concurrency = "${partitions}")
        void handle(String text) {
            seen.add();
        }
    }

    /** Counts events and knows when the first came. */
    static final class Tally {
        private final AtomicLong count = new AtomicLong();
        private final CountDownLatch reached = new CountDownLatch(1);
        private volatile long first;
        private volatile long last;
        private volatile long want = Long.MAX_VALUE;

        void add() {
            long n = count.incrementAndGet();
            if (n == 1) {
                first = System.nanoTime();
            }
            if (n == want) {
                tell();
            }
        }

        private void tell() {
            last = System.nanoTime();
            reached.countDown();
        }

        String await(long n) throws InterruptedException {
            want = n;
            if (count.get() >= n && reached.getCount() > 0) {
                tell();
            }
            reached.await();
            return String.format("{\"count\":%d,\"took_ns\":%d}", n, last - first);
        }
    }
}
