// Hears of renewals with @platformatic/kafka, and does each thing once, however often it is told.
//
// KAFKA names the brokers, GROUP the consumer group, DATABASE a file of SQLite. Ctrl-C stops it in
// order; then it prints what it knows.

import { DatabaseSync } from 'node:sqlite'
import { Consumer, stringDeserializers } from '@platformatic/kafka'

const database = new DatabaseSync(process.env.DATABASE ?? 'renewals.db')
database.exec(`
  CREATE TABLE IF NOT EXISTS seen (source, id, PRIMARY KEY (source, id));
  CREATE TABLE IF NOT EXISTS renewals (id PRIMARY KEY, stage, owner, deadline, told integer);
  CREATE TABLE IF NOT EXISTS clients (id PRIMARY KEY, pending integer);`)
const claim = database.prepare('INSERT INTO seen VALUES (?, ?) ON CONFLICT DO NOTHING')
const hear = database.prepare(`
  INSERT INTO renewals VALUES (?, ?, ?, ?, 1) ON CONFLICT (id) DO UPDATE SET
  stage = excluded.stage, owner = excluded.owner, deadline = excluded.deadline, told = told + 1`)
const replace = database.prepare('INSERT OR REPLACE INTO clients VALUES (?, ?)')
const erase = database.prepare('DELETE FROM clients WHERE id = ?')
const known = database.prepare(`
  SELECT json_object('client', id, 'pending', pending) AS line FROM clients UNION ALL SELECT
  json_object('deadline', deadline, 'owner', owner, 'renewal', id, 'stage', stage, 'told', told)
  FROM renewals ORDER BY 1`)

// What we do about the types that we know. Whatever else comes, in whatever version, is skipped.
const effects = {
  'renewals.RenewalDeadlineApproaching.v1': (due) =>
    hear.run(due.renewal_id, due.stage, due.owner.owner, due.deadline),
  'renewals.ClientRenewalsSnapshot.v1': (client) =>
    replace.run(client.client_id, client.renewals.filter((one) => one.status === 'pending').length),
}

// Acts on a record, in the transaction that also claims it.
function remember({ topic, partition, offset, key, value, headers }) {
  if (!value) return erase.run(key)
  const effect = effects[headers.get('ce_type')]
  if (!effect) return
  const [source, id] = [headers.get('ce_source'), headers.get('ce_id')]
  const event = parse(value)
  if (!event || !source || !id) return console.error('set aside:', topic, partition, offset)
  if (claim.run(source, id).changes) effect(event)
}

function parse(value) {
  try {
    return JSON.parse(value)
  } catch {} // told by remember
}

const consumer = new Consumer({
  clientId: 'renewals-consumer',
  groupId: process.env.GROUP ?? 'example.node', // yours begins with your team's name
  bootstrapBrokers: process.env.KAFKA.split(','),
  deserializers: stringDeserializers,
  sessionTimeout: 10_000,
})
const topics = ['renewals.events.v1', 'renewals.state.v1']
const options = { topics, mode: 'committed', fallbackMode: 'earliest', autocommit: false }
const stream = await consumer.consume(options)
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stream.close())
for await (const message of stream) {
  database.exec('BEGIN')
  remember(message)
  database.exec('COMMIT')
  await message.commit() // after the work: after a crash it comes again
}
await consumer.close()
for (const { line } of known.all()) console.log(line)
