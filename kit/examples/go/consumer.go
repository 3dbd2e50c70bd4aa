// Hears of renewals with franz-go, and does each thing once, however often it is told.
//
// KAFKA names the brokers, GROUP the consumer group, DATABASE a file of bbolt. Ctrl-C stops it in
// order; then it prints what it knows.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// remember acts on a record, in the transaction that also claims it.
func remember(tx transaction, record *kgo.Record) error {
	if record.Value == nil {
		return tx.erase(record.Key)
	}
	headers := map[string]string{}
	for _, each := range record.Headers {
		headers[each.Key] = string(each.Value)
	}
	effect, known := effects[headers["ce_type"]]
	if !known { // another type, or another version of one
		return nil
	}
	var told event
	if json.Unmarshal(record.Value, &told) != nil || headers["ce_id"] == "" {
		log.Println("set aside:", record.Topic, record.Partition, record.Offset)
		return nil
	}
	return tx.once(headers["ce_source"]+" "+headers["ce_id"], func() error { return effect(tx, told) })
}

func main() {
	stopped, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	kept := openStore(cmp.Or(os.Getenv("DATABASE"), "renewals.db"))
	kafka, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(os.Getenv("KAFKA"), ",")...),
		kgo.ConsumerGroup(cmp.Or(os.Getenv("GROUP"), "example.go")), // begins with your team's name
		kgo.ConsumeTopics("renewals.events.v1", "renewals.state.v1"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.WithLogger(kgo.BasicLogger(os.Stderr, kgo.LogLevelWarn, nil)),
		kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(), kgo.SessionTimeout(10*time.Second),
	)
	for err == nil && stopped.Err() == nil {
		records := kafka.PollRecords(stopped, 500).Records()
		if err = kept.together(remember, records); err == nil { // all of it, or nothing
			err = kafka.CommitRecords(context.Background(), records...) // after a crash some comes again
		}
		kafka.AllowRebalance()
	}
	if err != nil {
		log.Fatal(err)
	}
	kafka.CloseAllowingRebalance() // at once another takes over
	kept.print()
}
