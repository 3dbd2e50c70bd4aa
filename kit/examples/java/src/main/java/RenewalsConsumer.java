import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Hears of renewals with Kafka's own client, and does each thing once, however often it is told.
 *
 * <p>KAFKA names the brokers, GROUP the consumer group, DATABASE a file of SQLite. Ctrl-C stops it
 * in order; then it prints what it knows.
 */
public class RenewalsConsumer {
  public static void main(String[] arguments) throws Exception {
    var env = System.getenv();
    var settings = Map.<String, Object>of("bootstrap.servers", env.get("KAFKA"),
        "group.id", env.getOrDefault("GROUP", "example.java"), // yours begins with your team's name
        "auto.offset.reset", "earliest", "enable.auto.commit", false, "session.timeout.ms", 10_000);
    var text = new StringDeserializer();
    var ended = new CompletableFuture<Void>();
    var store = new Store(env.getOrDefault("DATABASE", "renewals.db"));
    try (var consumer = new KafkaConsumer<>(settings, text, text)) {
      Runtime.getRuntime().addShutdownHook(new Thread(() -> { consumer.wakeup(); ended.join(); }));
      consumer.subscribe(List.of("renewals.events.v1", "renewals.state.v1"));
      while (true) {
        for (var record : consumer.poll(Duration.ofSeconds(1))) remember(store, record);
        store.commit(); // all of it, or nothing
        consumer.commitSync(); // after the work: after a crash some of it comes again
      }
    } catch (WakeupException asked) {
      store.print();
    } finally {
      ended.complete(null);
    }
  }

  /** Acts on a record, in the transaction that also claims it. */
  static void remember(Store tx, ConsumerRecord<String, String> record) throws Exception {
    if (record.value() == null) {
      tx.erase(record.key());
      return;
    }
    try {
      var effect = Store.EFFECTS.get(header(record, "ce_type"));
      if (effect == null) return; // another type, or another version of one
      var told = new ObjectMapper().readTree(record.value());
      if (tx.claim(header(record, "ce_source"), header(record, "ce_id"))) effect.on(tx, told);
    } catch (JsonProcessingException | NoSuchElementException broken) {
      System.err.println("set aside: partition " + record.partition() + " of " + record.topic()
          + ", offset " + record.offset());
    }
  }

  static String header(ConsumerRecord<?, ?> record, String name) {
    var found = Optional.ofNullable(record.headers().lastHeader(name));
    return found.map(Header::value).map(String::new).orElseThrow(); // they are ASCII
  }
}
