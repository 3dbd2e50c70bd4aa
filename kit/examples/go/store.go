package main

// What the consumer keeps, in bbolt. Yours is your own database: claim and effect share its
// transaction, and nothing else matters to the consumer.

import (
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.etcd.io/bbolt"
)

// event has the fields that are needed here, of both types; all others are ignored.
type event struct {
	RenewalID       string `json:"renewal_id"`
	ClientID        string `json:"client_id"`
	Stage, Deadline string
	Owner           struct{ Owner string }
	Renewals        []renewal
}

type renewal struct{ Status string }

// effects are what is done about the types that are known here.
var effects = map[string]func(transaction, event) error{
	"renewals.RenewalDeadlineApproaching.v1": func(tx transaction, due event) error {
		var before struct{ Told int }
		_ = json.Unmarshal(tx.known.Get([]byte(due.RenewalID)), &before) // the first time none is
		return tx.keep(due.RenewalID, map[string]any{"renewal": due.RenewalID, "stage": due.Stage,
			"owner": due.Owner.Owner, "deadline": due.Deadline, "told": before.Told + 1})
	},
	"renewals.ClientRenewalsSnapshot.v1": func(tx transaction, client event) error {
		pending := slices.DeleteFunc(client.Renewals, func(each renewal) bool { return each.Status != "pending" })
		return tx.keep(client.ClientID, map[string]any{"client": client.ClientID, "pending": len(pending)})
	},
}

type store struct{ *bbolt.DB }

type transaction struct{ seen, known *bbolt.Bucket }

func openStore(file string) store {
	database, err := bbolt.Open(file, 0o600, nil)
	if err != nil {
		log.Fatal(err)
	}
	err = database.Update(func(tx *bbolt.Tx) error {
		_, one := tx.CreateBucketIfNotExists([]byte("seen"))
		_, other := tx.CreateBucketIfNotExists([]byte("known"))
		return errors.Join(one, other)
	})
	if err != nil {
		log.Fatal(err)
	}
	return store{database}
}

// together does something about records in one transaction.
func (s store) together(act func(transaction, *kgo.Record) error, records []*kgo.Record) error {
	return s.Update(func(tx *bbolt.Tx) error {
		begun := transaction{tx.Bucket([]byte("seen")), tx.Bucket([]byte("known"))}
		for _, record := range records {
			if err := act(begun, record); err != nil {
				return err // rolls back
			}
		}
		return nil
	})
}

// once does something unless what is called so was done before.
func (t transaction) once(id string, effect func() error) error {
	if t.seen.Get([]byte(id)) != nil {
		return nil
	}
	return errors.Join(t.seen.Put([]byte(id), []byte{1}), effect())
}

func (t transaction) keep(key string, value map[string]any) error {
	line, err := json.Marshal(value)
	return errors.Join(err, t.known.Put([]byte(key), line))
}

func (t transaction) erase(key []byte) error { return t.known.Delete(key) }

// print tells what is known, a line of JSON each.
func (s store) print() {
	var lines []string
	_ = s.View(func(tx *bbolt.Tx) error { // nothing in it fails
		return tx.Bucket([]byte("known")).ForEach(func(_, line []byte) error {
			lines = append(lines, string(line))
			return nil
		})
	})
	slices.Sort(lines)
	fmt.Println(strings.Join(lines, "\n"))
}
