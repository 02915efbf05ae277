// What the two programs share: settings, the line protocol, Nest's options. See ../../README.md.
import 'reflect-metadata';
import { createInterface } from 'node:readline';
import { Logger } from '@nestjs/common';

Logger.overrideLogger(false); // it would write to stdout, which is for the line protocol

const given = Object.fromEntries(process.argv.slice(2).map((arg) => arg.split(/=(.*)/s, 2)));

export const settings = {
  pattern: given.pattern,
  op: given.op,
  text: 'x'.repeat(Number(given.size ?? 0)),
  delay: Number(given.delay_ms ?? 0),
};

export const streamLength = 100;

// Acks from all replicas are kafkajs' default; its idempotent producer is off by default and said to be experimental.
export const kafka = {
  client: { clientId: 'bench', brokers: given.brokers.split(',') },
  consumer: { groupId: given.pattern }, // Nest adds -server and -client
  producer: { idempotent: true, maxInFlightRequests: 5 },
  run: { partitionsConsumedConcurrently: Number(given.partitions ?? 1) },
  subscribe: { fromBeginning: true },
};

// A consumer of kafkajs begins at an end that is asked for at its first fetch.
export const firstFetch = (consumer) =>
  new Promise((resolve) => {
    const off = consumer.on(consumer.events.FETCH, () => resolve(off()));
  });

const print = (line) => process.stdout.write(`${line}\n`);

// Answers each line of stdin with a line, and closes when stdin ends.
export async function converse(answers, close) {
  process.on('SIGINT', () => {}); // the parent gets it too, and ends us in order
  print('ready');
  const lines = createInterface({ input: process.stdin });
  lines.once('close', async () => {
    setTimeout(() => process.exit(1), 10_000).unref();
    await close();
    process.exit(0);
  });
  for await (const line of lines) {
    const [command, ...words] = line.split(' ');
    try {
      print(JSON.stringify(command === 'usage' ? {} : await answers[command](words)));
    } catch (error) {
      print(JSON.stringify({ error: String(error?.message ?? error) }));
    }
  }
}
