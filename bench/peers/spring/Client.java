import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.springframework.kafka.listener.ContainerProperties;
import org.springframework.kafka.listener.ConcurrentMessageListenerContainer;
import org.springframework.kafka.requestreply.ReplyingKafkaTemplate;

/** The client of the side "spring": ReplyingKafkaTemplate. */
final class Client {
    public static void main(String[] args) {
        var settings = Program.settings(args);
        var brokers = settings.get("brokers");
        var pattern = settings.get("pattern");
        var replies = new ConcurrentMessageListenerContainer<String, String>(
            Program.consumers(brokers, "latest"), new ContainerProperties(pattern + ".reply"));
        replies.getContainerProperties().setGroupId(pattern + "-client");
        var template = new ReplyingKafkaTemplate<>(Program.producers(brokers), replies);
        template.setDefaultReplyTimeout(Duration.ofSeconds(30));
        template.start();
        try {
            if (!settings.get("op").equals("events") && !template.waitForAssignment(Duration.ofSeconds(60))) {
                throw new IllegalStateException("no partition of the reply topic within 60 s");
            }
            var call = call(template, settings);
            Program.converse(words -> {
                if (!words[0].equals("load")) {
                    throw new IllegalArgumentException(words[0] + ": a client knows only load, and usage");
                }
                return new Load(words, call).run();
            });
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        } finally {
            template.destroy();
        }
        System.exit(0); // Kafka's threads would end by themselves, but later
    }

    private static Supplier<CompletableFuture<?>> call(
            ReplyingKafkaTemplate<String, String, String> template, java.util.Map<String, String> settings) {
        var pattern = settings.get("pattern");
        var text = "x".repeat(Integer.parseInt(settings.getOrDefault("size", "0")));
        return switch (settings.get("op")) {
            case "sum" -> () -> send(template, pattern, "[1,2,3]", "6.0");
            case "echo" -> () -> send(template, pattern, text, text);
            case "events" -> () -> template.send(pattern, text);
            default -> throw new IllegalArgumentException("ReplyingKafkaTemplate ends a call with its first reply");
        };
    }

    private static CompletableFuture<?> send(
            ReplyingKafkaTemplate<String, String, String> template, String pattern, String value, String want) {
        return template.sendAndReceive(new ProducerRecord<>(pattern, value)).thenAccept(reply -> {
            if (!want.equals(reply.value())) {
                throw new IllegalStateException("wrong reply: " + reply.value());
            }
        });
    }
}
