// Reads one department's topic with franz-go and hamba/avro.
//
//	set -a; . ./tax.env; set +a        # qianbei connection tax --format env > tax.env
//	go run . [TOPIC]
//
// Prints one JSON line a record. Offsets are committed after the records are handled, so nothing is lost; what was
// handled and not yet committed when the program dies comes again.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/hamba/avro/v2"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// run reads until ctx is done.
func run(ctx context.Context) error {
	topic := strings.Split(os.Getenv("QIANBEI_DEPT_TOPICS"), ",")[0]
	if len(os.Args) > 1 {
		topic = os.Args[1]
	}
	options, err := settings(topic)
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return err
	}
	defer client.CloseAllowingRebalance() // leaves the group at once, so that another instance need not wait
	r := reader{held: map[string]int64{}, schemas: registry{url: os.Getenv("SCHEMA_REGISTRY_URL"), known: map[uint32]avro.Schema{}}}
	for {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err := fetches.Err(); err != nil {
			return err
		}
		for _, record := range fetches.Records() {
			if err := r.handle(record.Value); err != nil {
				return fmt.Errorf("%s/%d at offset %d: %w", record.Topic, record.Partition, record.Offset, err)
			}
		}
		// Handled is handled, also when we are told to stop meanwhile: so not with ctx.
		if err := client.CommitUncommittedOffsets(context.Background()); err != nil {
			return err
		}
		client.AllowRebalance()
	}
}

// settings are the client's, from the variables of `qianbei connection`.
func settings(topic string) ([]kgo.Opt, error) {
	login := scram.Auth{User: os.Getenv("QIANBEI_KAFKA_USERNAME"), Pass: os.Getenv("QIANBEI_KAFKA_PASSWORD")}
	options := []kgo.Opt{
		kgo.SeedBrokers(strings.Split(os.Getenv("QIANBEI_KAFKA_BOOTSTRAP"), ",")...),
		kgo.SASL(login.AsSha256Mechanism()),
		kgo.ConsumerGroup(os.Getenv("QIANBEI_GROUP_PREFIX") + "sample-go"),
		kgo.ConsumeTopics(topic),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),      // else records are seen that the exchange takes back
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), // else a new group misses what is there
		kgo.DisableAutoCommit(),                           // else what is not handled yet may count as handled
		kgo.BlockRebalanceOnPoll(),                        // else a partition may go while its records are handled
	}
	if os.Getenv("QIANBEI_KAFKA_SECURITY") != "SASL_SSL" {
		return options, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if file := os.Getenv("QIANBEI_KAFKA_CAFILE"); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", file)
		}
	}
	return append(options, kgo.DialTLSConfig(config)), nil
}

type reader struct {
	// held is the newest revision of each contract. Yours belongs in your database, in the row of the contract.
	held    map[string]int64
	schemas registry
}

// handle is where your job goes. Order by revision alone; a LEFT says that the contract concerns you no longer.
func (r *reader) handle(bytes []byte) error {
	value, err := r.schemas.decode(bytes)
	if err != nil {
		return err
	}
	entity, _ := value["entity_id"].(string)
	revision, _ := value["revision"].(int64)
	if entity == "" || revision == 0 {
		return errors.New("a record without entity_id or revision")
	}
	if revision <= r.held[entity] {
		return nil // it came again, or late
	}
	r.held[entity] = revision
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"entity_id": entity, "revision": revision, "event_type": value["event_type"],
	})
}

// registry tells each schema once.
type registry struct {
	url   string
	known map[uint32]avro.Schema
}

// decode reads Confluent's wire format: a zero byte, four bytes of schema id, an Avro body.
func (r *registry) decode(bytes []byte) (map[string]any, error) {
	if len(bytes) < 5 || bytes[0] != 0 {
		return nil, errors.New("not in Confluent's wire format")
	}
	schema, err := r.schema(binary.BigEndian.Uint32(bytes[1:5]))
	if err != nil {
		return nil, err
	}
	var value map[string]any
	return value, avro.Unmarshal(schema, bytes[5:], &value)
}

func (r *registry) schema(id uint32) (avro.Schema, error) {
	if schema, ok := r.known[id]; ok {
		return schema, nil
	}
	client := http.Client{Timeout: 10 * time.Second}
	answer, err := client.Get(fmt.Sprintf("%s/schemas/ids/%d", r.url, id))
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the registry answers %s for schema %d", answer.Status, id)
	}
	var told struct{ Schema string }
	if err := json.NewDecoder(answer.Body).Decode(&told); err != nil {
		return nil, err
	}
	schema, err := avro.Parse(told.Schema)
	if err != nil {
		return nil, err
	}
	r.known[id] = schema
	return schema, nil
}
