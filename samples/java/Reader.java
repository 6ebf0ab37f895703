import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Reads one department's topic with Kafka's client and Apache Avro.
 *
 * <pre>
 * qianbei connection tax --format java > tax.properties
 * java … Reader tax.properties dept.tax.sale.v1
 * </pre>
 *
 * Prints one JSON line a record. Offsets are committed after the records are handled, so nothing is lost; what was
 * handled and not yet committed when the program dies comes again.
 */
public final class Reader {
    /** The newest revision of each contract. Yours belongs in your database, in the row of the contract. */
    private final Map<String, Long> held = new HashMap<>();

    public static void main(String[] args) throws IOException {
        if (args.length != 2) {
            System.err.println("usage: Reader FILE.properties TOPIC");
            System.exit(2);
        }
        // The file has the servers, the login, the group, read_committed, earliest and no auto-commit.
        Properties settings = new Properties();
        try (var file = Files.newBufferedReader(Path.of(args[0]))) {
            settings.load(file);
        }
        var values = new RegistryAvro(settings.getProperty("schema.registry.url"));
        try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), values)) {
            stopCleanly(consumer);
            consumer.subscribe(List.of(args[1]));
            new Reader().read(consumer);
        } catch (WakeupException stopped) {
            // SIGTERM or Ctrl-C. Closing the consumer leaves the group at once.
        }
    }

    private void read(KafkaConsumer<String, GenericRecord> consumer) {
        while (true) {
            for (ConsumerRecord<String, GenericRecord> record : consumer.poll(Duration.ofMillis(500))) {
                handle(record.value());
            }
            consumer.commitSync();
        }
    }

    /** Your job goes here. Order by revision alone; a LEFT says that the contract concerns you no longer. */
    private void handle(GenericRecord value) {
        String entity = value.get("entity_id").toString();
        long revision = ((Number) value.get("revision")).longValue();
        if (revision <= held.getOrDefault(entity, 0L)) {
            return; // it came again, or late
        }
        held.put(entity, revision);
        System.out.printf("{\"entity_id\": \"%s\", \"revision\": %d, \"event_type\": \"%s\"}%n",
                entity, revision, value.get("event_type"));
    }

    /** SIGTERM and Ctrl-C wake the consumer up; the virtual machine waits until the main thread has closed it. */
    private static void stopCleanly(KafkaConsumer<?, ?> consumer) {
        Thread main = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            consumer.wakeup();
            try {
                main.join();
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
            }
        }));
    }

    /**
     * Confluent's wire format: a zero byte, four bytes of schema id, an Avro body. The registry tells each schema once.
     * With Confluent's or Apicurio's own deserialiser on the class path this class is not needed.
     */
    private static final class RegistryAvro implements Deserializer<GenericRecord> {
        private final String registry;
        private final HttpClient http = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(10)).build();
        private final Map<Integer, GenericDatumReader<GenericRecord>> readers = new HashMap<>();

        RegistryAvro(String registry) {
            this.registry = registry;
        }

        @Override
        public GenericRecord deserialize(String topic, byte[] data) {
            ByteBuffer bytes = ByteBuffer.wrap(data);
            if (data.length < 5 || bytes.get() != 0) {
                throw new SerializationException("not in Confluent's wire format, on " + topic);
            }
            try {
                var reader = readers.get(bytes.getInt());
                if (reader == null) {
                    int id = bytes.getInt(1);
                    reader = new GenericDatumReader<>(schema(id));
                    readers.put(id, reader);
                }
                return reader.read(null, DecoderFactory.get().binaryDecoder(data, 5, data.length - 5, null));
            } catch (IOException error) {
                throw new SerializationException("cannot decode a record of " + topic, error);
            }
        }

        private Schema schema(int id) throws IOException {
            var request = HttpRequest.newBuilder(URI.create(registry + "/schemas/ids/" + id))
                    .timeout(Duration.ofSeconds(10)).build();
            try {
                var answer = http.send(request, HttpResponse.BodyHandlers.ofString());
                if (answer.statusCode() != 200) {
                    throw new IOException("the registry answers " + answer.statusCode() + " for schema " + id);
                }
                // {"schema": "…"}: the schema's JSON as a text in JSON, for which Avro brings Jackson.
                var json = new com.fasterxml.jackson.databind.ObjectMapper().readTree(answer.body());
                return new Schema.Parser().parse(json.get("schema").asText());
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
                throw new IOException("interrupted", interrupted);
            }
        }
    }
}
