// Hosts the servers and clients that package interop/faults asks for on stdin.
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConsoleLogger, Controller, Logger, Module, UseFilters } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClientKafka,
  Ctx,
  EventPattern,
  MessagePattern,
  Payload,
  RpcException,
  Transport,
} from '@nestjs/microservices';
import { EMPTY, concat, from, ignoreElements, interval, of, take, throwError } from 'rxjs';
import { decorate, firstFetch, kafka, parse, print } from './peer.js';

const hosted = new Map(); // id -> the operations that it takes
const say = (id, payload) => print({ event: id, payload });

// What handlers do. `work` does what its payload says; all others always do the same.
const behaviours = {
  async work({ payload, told, gate, tries }) {
    const { n = 0, ms = 0, gated, bad, badOnce } = payload ?? {};
    const attempt = (tries.get(n) ?? 0) + 1;
    tries.set(n, attempt);
    told({ did: 'start', n, attempt });
    await sleep(ms);
    if (gated) await gate;
    if (bad || (badOnce && attempt === 1)) throw new Error('bad');
    told({ did: 'end', n, attempt });
    return n;
  },
  'fail-once': (call) => behaviours.work({ ...call, payload: { ...call.payload, badOnce: true } }),
  ordered: (call) => behaviours.work(call), // as all of them are
  empty({ told }) {
    told({ did: 'start' });
    return EMPTY;
  },
  async commit({ context, told, client }) {
    // As in the public example: the record's own offset, through the client.
    const { offset } = context.getMessage();
    const [topic, partition] = [context.getTopic(), context.getPartition()];
    await client.commitOffsets([{ topic, partition, offset }]);
    told({ did: 'end' });
  },
  echo: ({ context }) => ({ value: context.getMessage().value }),
  'value-field': () => ({ value: 5, currency: 'USD' }),
  unencodable: () => ({ n: 10n }),
  'typed-array': () => Uint8Array.of(1, 2),
  map: () => new Map([['a', 1]]),
  date: () => new Date(0),
  length: ({ payload }) => payload.length,
  nothing: ({ payload }) => (payload == null ? 'nothing' : 'something'),
  headers: ({ context }) => {
    const values = [context.getMessage().headers.h].flat();
    return values.map((value) => (typeof value === 'string' ? value : typeof value));
  },
  'number-filter'() {
    throw new Error('filtered');
  },
  'empty-filter'() {
    throw new Error('filtered');
  },
  inner() {
    throw new RpcException(new Error('inner'));
  },
  ticks: () => interval(50).pipe(take(100)),
  'gated-stream': ({ gate }) => concat(of(1), from(gate).pipe(ignoreElements()), of(2)),
};

const filter = (result) => UseFilters({ catch: () => throwError(() => result) });
const filters = { 'number-filter': filter(7), 'empty-filter': filter('') };

function patternOf({ topic, kind, flags }) {
  if (kind === 'expression') return EventPattern(new RegExp(topic, flags));
  return (kind === 'event' ? EventPattern : MessagePattern)(topic);
}

// One method a handler, in their order.
function moduleOf(id, handlers, extra) {
  class Handlers {}
  handlers.forEach((handler, index) => {
    const method = `handler${index}`;
    const told = (line) => say(id, { ...line, handler: index });
    const tries = new Map();
    Handlers.prototype[method] = (payload, context) =>
      behaviours[handler.does]({ payload, context, told, tries, ...extra });
    const wrapped = filters[handler.does] ? [filters[handler.does]] : [];
    decorate(Handlers, { method, params: [Payload(), Ctx()] }, patternOf(handler), ...wrapped);
  });
  decorate(Handlers, {}, Controller());
  class Server {}
  decorate(Server, {}, Module({ controllers: [Handlers] }));
  return Server;
}

const isProduce = (data) => Buffer.isBuffer(data) && data.length > 6 && data.readInt16BE(4) === 0;

// A valve in front of the broker for what is produced.
function valve() {
  let held = null;
  let broken = false;
  return {
    hold: () => (held ??= []),
    cut: () => (broken = true),
    release: () => {
      const waiting = held ?? [];
      held = null;
      broken = false;
      waiting.forEach((write) => write());
    },
    socketFactory: ({ host, port, onConnect }) => {
      const socket = connect({ host, port }, onConnect);
      const write = socket.write.bind(socket);
      socket.write = (...args) => {
        if (!isProduce(args[0])) return write(...args);
        if (broken) return socket.destroy(new Error('the test has cut the connection'));
        if (!held) return write(...args);
        held.push(() => write(...args));
        return true;
      };
      return socket;
    },
  };
}

// Nest's own deserializer, with a mistake.
const throwing = {
  deserialize(message, { channel }) {
    if (message.value === 'unreadable') throw new TypeError('broken');
    return { pattern: channel, data: message?.value ?? message };
  },
};

async function serve({ id, group, handlers, consumer = {}, run = {}, throws }) {
  const { hold, cut, release, socketFactory } = valve();
  let open;
  const gate = new Promise((resolve) => (open = resolve));
  const options = {
    client: { ...kafka.client, clientId: id, socketFactory },
    consumer: { ...kafka.consumer, groupId: group, ...consumer },
    run,
    ...(throws && { deserializer: throwing }),
  };
  const client = run.autoCommit === false ? new ClientKafka(options) : null;
  await client?.connect();
  const app = await NestFactory.createMicroservice(moduleOf(id, handlers, { gate, client }), {
    transport: Transport.KAFKA,
    options,
    abortOnError: false,
  });
  const close = async () => {
    open();
    await app.close();
    await client?.close();
    say(id, { did: 'closed' });
  };
  hosted.set(id, { open, hold, cut, release, stop: close });
  app.status.subscribe((status) => say(id, { did: status }));
  try {
    await app.listen();
    if (handlers.length > 0) await firstFetch(app.unwrap()[1]);
    say(id, { did: 'ready' });
  } catch (error) {
    say(id, { did: 'refused', text: error.message });
  }
}

async function caller({ id, group, patterns = [], consumer = {} }) {
  const client = new ClientKafka({
    client: { ...kafka.client, clientId: id },
    consumer: { ...kafka.consumer, groupId: group, ...consumer },
  });
  client.status.subscribe((status) => say(id, { did: status }));
  patterns.forEach((pattern) => client.subscribeToResponseOf(pattern));
  hosted.set(id, {
    stop: async () => {
      await client.close();
      say(id, { did: 'closed' });
    },
    subscribe: ({ pattern }) => client.subscribeToResponseOf(pattern),
    call: ({ method, call, pattern, data }) =>
      client[method](pattern, data).subscribe({
        next: (value) => say(id, { did: 'next', call, value: value ?? null }),
        error: (error) => say(id, { did: 'error', call, value: error, real: error instanceof Error }),
        complete: () => say(id, { did: 'complete', call }),
      }),
  });
  await client.connect();
  if (patterns.length > 0) await firstFetch(client.consumer);
  say(id, { did: 'ready' });
}

class TellingLogger extends ConsoleLogger {
  printMessages(messages, context, level, _, ...rest) {
    super.printMessages(messages, context, level, 'stderr', ...rest);
    if (['warn', 'error', 'fatal'].includes(level)) say('log', { did: 'complaint', text: String(messages[0]) });
  }
}

Logger.overrideLogger(new TellingLogger({ colors: false }));
process.on('unhandledRejection', (error) => say('log', { did: 'complaint', text: String(error) }));

const failed = (id) => (error) => say(id, { did: 'failed', text: String(error?.message ?? error) });

print({ ready: true });
for await (const line of createInterface({ input: process.stdin })) {
  const request = parse(line);
  const { op, id } = request;
  if (op === 'serve') serve(request).catch(failed(id));
  else if (op === 'client') caller(request).catch(failed(id));
  else Promise.resolve(hosted.get(id)[op](request)).catch(failed(id));
}
setTimeout(() => process.exit(0), 8_000);
await Promise.allSettled([...hosted.values()].map(({ stop }) => stop()));
process.exit(0);
