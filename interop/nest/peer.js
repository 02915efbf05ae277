// What the three programs share: settings, JSON lines, topics, start and stop.
import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConsoleLogger, Logger } from '@nestjs/common';
import { Kafka, logLevel } from 'kafkajs';

const { env } = process;

export const topic = (pattern) => (env.PREFIX ?? '') + pattern;

// Server and client take the same options: Nest's postfixes tell their ids apart. OPTIONS has more of them, as JSON.
const more = JSON.parse(env.OPTIONS ?? '{}');
export const kafka = {
  client: {
    clientId: env.CLIENT_ID ?? 'nestjs',
    brokers: (env.BROKERS ?? 'localhost:9092').split(','),
    ...more.client,
  },
  // The default of 5 s is how long an idle consumer takes to stop.
  consumer: { groupId: env.GROUP_ID ?? 'nestjs-consumer', maxWaitTimeInMs: 250, ...more.consumer },
};

// Nest dies when a topic it subscribes to does not exist.
export async function createTopics(topics, numPartitions = 1) {
  const admin = new Kafka({ ...kafka.client, logLevel: logLevel.ERROR }).admin();
  await admin.connect();
  const existing = new Set(await admin.listTopics());
  const missing = topics.filter((name) => !existing.has(name));
  await admin.createTopics({
    topics: missing.map((name) => ({ topic: name, numPartitions: Number(numPartitions) })),
    waitForLeaders: false, // that fails, instead of waiting, while a broker does not know the topic
  });
  const deadline = Date.now() + 10_000;
  await Promise.all(topics.map((name) => led(admin, name, deadline)));
  await admin.disconnect();
}

// A topic is in the metadata before its leader takes requests. A consumer that
// comes too early joins again and again, each time at a later end.
async function led(admin, name, deadline) {
  try {
    await admin.fetchTopicOffsets(name);
  } catch (error) {
    if (Date.now() > deadline) throw error;
    await sleep(50);
    await led(admin, name, deadline);
  }
}

// A consumer without committed offsets begins at the end its partitions have at
// its first fetch. That is later than its assignment, and what is produced in
// between is lost to it.
export const firstFetch = (consumer) =>
  new Promise((resolve) => {
    const off = consumer.on(consumer.events.FETCH, () => resolve(off()));
  });

// Applies decorators to a class, or to one of its methods and that method's parameters.
export function decorate(target, { method, params = [] }, ...decorators) {
  const owner = method ? target.prototype : target;
  const descriptor = method && Object.getOwnPropertyDescriptor(owner, method);
  params.forEach((decorator, index) => decorator(owner, method, index));
  decorators.forEach((decorator) => decorator(owner, method, descriptor));
}

export const print = (line) => process.stdout.write(`${JSON.stringify(line, encode)}\n`);

export const parse = (line) => JSON.parse(line, decode);

// Not an arrow function: a Buffer reaches `value` already converted by its toJSON.
function encode(key, value) {
  const original = this[key];
  if (Buffer.isBuffer(original)) return { $base64: original.toString('base64') };
  if (original instanceof Error) return { $error: original.name, message: original.message };
  return value;
}

function decode(_, value) {
  return typeof value?.$base64 === 'string' ? Buffer.from(value.$base64, 'base64') : value;
}

// Returns a function that ends the process; SIGTERM and, if asked, the end of stdin call it too.
export function stopWith(close, { onStdinEnd = true } = {}) {
  const stop = async () => {
    setTimeout(() => process.exit(1), 10_000);
    await close();
    process.exit(0);
  };
  process.once('SIGTERM', stop);
  if (onStdinEnd) process.stdin.resume().once('end', stop);
  return stop;
}

class StderrLogger extends ConsoleLogger {
  printMessages(messages, context, level, _, ...rest) {
    super.printMessages(messages, context, level, 'stderr', ...rest);
  }
}

Logger.overrideLogger(new StderrLogger({ colors: false }));
