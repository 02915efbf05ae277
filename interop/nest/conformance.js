// A NestJS server and two NestJS clients for interop/conformance, which says in
// JavaScript what each shall do: a header `js` of a record is the body of the
// handler that gets it, and the data of a call is an expression.
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Catch, ConsoleLogger, Controller, Logger, Module, UseFilters, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClientKafka,
  Ctx,
  EventPattern,
  KafkaRetriableException,
  MessagePattern,
  Payload,
  RpcException,
  Transport,
} from '@nestjs/microservices';
import * as rxjs from 'rxjs';
import { decorate, firstFetch, kafka, parse, print, stopWith, topic } from './peer.js';

const { PATTERNS = '', BINARY_PATTERNS = '', NUMBER, REGULAR_EXPRESSIONS } = process.env;
const { default: _, ...operators } = rxjs;
const scope = { ...operators, RpcException, KafkaRetriableException };

function evaluate(body, more = {}) {
  const names = { ...scope, ...more };
  return new Function(...Object.keys(names), body)(...Object.values(names));
}

// For a record without a value, Nest's payload is the whole message.
const seen = (payload) =>
  payload?.batchContext === undefined && payload?.magicByte === undefined
    ? (payload ?? null)
    : { $message: Object.keys(payload) };

const short = (context) => context.getTopic().replace(topic(''), '');

// Tells what a handler got, and then does what the record says.
function run(handler, payload, context) {
  const { key, headers } = context.getMessage();
  const { js = '', ...others } = headers;
  print({ event: short(context), handler, payload: seen(payload), key, headers: others });
  return evaluate(String(js), { payload, context });
}

const params = [Payload(), Ctx()];
let lastHandler = 0;

// Adds a handler to a class, under a number in the order of the calls.
function handle(target, ...decorators) {
  handlePayload(target, params, ...decorators);
}

function handlePayload(target, params, ...decorators) {
  const number = ++lastHandler;
  const method = `handler${number}`;
  target.prototype[method] = function (payload, context) {
    return run(number, payload, context);
  };
  decorate(target, { method, params }, ...decorators);
}

class Refuse {
  canActivate() {
    return false;
  }
}

class Rethrow {
  catch(exception) {
    return rxjs.throwError(() => exception.thrown);
  }
}
decorate(Rethrow, {}, Catch());

class Handlers {}
handle(Handlers, MessagePattern(topic('run'))); // 1
handle(Handlers, EventPattern(topic('note'))); // 2
handle(Handlers, MessagePattern(topic('twice'))); // 3
handle(Handlers, MessagePattern(topic('twice'))); // 4
handle(Handlers, MessagePattern(topic('message-then-event'))); // 5
handle(Handlers, EventPattern(topic('message-then-event'))); // 6
handle(Handlers, EventPattern(topic('event-then-message'))); // 7
handle(Handlers, MessagePattern(topic('event-then-message'))); // 8
handle(Handlers, EventPattern(topic('events'))); // 9
handle(Handlers, EventPattern(topic('events'))); // 10
handle(Handlers, MessagePattern([topic('list.a'), topic('list.b')])); // 11
handle(Handlers, MessagePattern(topic('refused')), UseGuards(Refuse)); // 12
handle(Handlers, MessagePattern(topic('filtered')), UseFilters(Rethrow)); // 13
// Names that Nest takes for JSON when it looks for their handlers.
handle(Handlers, MessagePattern('true')); // 14
handle(Handlers, MessagePattern(`${NUMBER}e3`)); // 15
handle(Handlers, MessagePattern(Number(NUMBER))); // 16
handlePayload(Handlers, [Payload('a'), Ctx()], EventPattern(topic('property'))); // 17
if (REGULAR_EXPRESSIONS) {
  const begins = (name) => new RegExp(`^${topic(name).replaceAll('.', '\\.')}`);
  handle(Handlers, EventPattern(topic('rx.exact'))); // 18
  handle(Handlers, EventPattern(begins('rx.'))); // 19
  handle(Handlers, EventPattern(begins('rx.b'))); // 20
  handle(Handlers, MessagePattern(begins('rpc.'))); // 21
}
decorate(Handlers, {}, Controller());

class BinaryHandlers {}
handle(BinaryHandlers, MessagePattern(topic('binary')));
decorate(BinaryHandlers, {}, Controller());

function moduleOf(controller) {
  class Part {}
  decorate(Part, {}, Module({ controllers: [controller] }));
  return Part;
}

class PrintErrors extends ConsoleLogger {
  error(message, ...rest) {
    print({ log: String(message?.message ?? message) });
    super.error(message, ...rest);
  }

  printMessages(messages, context, level, _, ...rest) {
    super.printMessages(messages, context, level, 'stderr', ...rest);
  }
}
Logger.overrideLogger(new PrintErrors({ colors: false }));

// In Nest 10 and 11 some failures end the process; the rest of the cases needs it.
process.on('unhandledRejection', (error) => print({ log: `unhandled: ${error?.message ?? error}` }));

const withGroup = (postfix, more = {}) => ({
  ...kafka,
  ...more,
  consumer: { ...kafka.consumer, groupId: `${kafka.consumer.groupId}-${postfix}` },
});

async function started(controller, options) {
  const app = await NestFactory.createMicroservice(moduleOf(controller), {
    transport: Transport.KAFKA,
    options,
  });
  app.status?.subscribe((status) => print({ status })); // not in Nest 10
  await app.listen();
  return app;
}

const consumerOf = (app) => (app.unwrap ? app.unwrap()[1] : app.server.consumer);

async function server(controller, options) {
  const app = await started(controller, options);
  await firstFetch(consumerOf(app));
  return app;
}

async function connected(patterns, options) {
  const client = new ClientKafka(options);
  client.status?.subscribe((status) => print({ status }));
  patterns.split(',').filter(Boolean).forEach((pattern) => client.subscribeToResponseOf(topic(pattern)));
  await client.connect();
  await firstFetch(client.consumer);
  return client;
}

const keepBinary = { parser: { keepBinary: true } };
const [app, binaryApp, client, binaryClient] = await Promise.all([
  server(Handlers, kafka),
  server(BinaryHandlers, withGroup('binary', keepBinary)),
  connected(PATTERNS, kafka),
  connected(BINARY_PATTERNS, withGroup('binary', keepBinary)),
]);
// binaryApp may stand still, which nothing ends.
const stop = stopWith(
  () =>
    Promise.all([
      app.close(),
      Promise.race([binaryApp.close(), sleep(1000)]),
      client.close(),
      binaryClient.close(),
    ]),
  { onStdinEnd: false },
);
print({ ready: true });

// Fails at once where Nest's own settings would try again for ten seconds.
const impatient = { client: { ...kafka.client, retry: { retries: 0 } } };

const attempts = {
  // A server with a handler for one more pattern.
  async listen(pattern) {
    class Other {}
    handle(Other, MessagePattern(pattern));
    decorate(Other, {}, Controller());
    const other = await started(Other, withGroup('other', impatient));
    await other.close();
  },

  async emit(pattern) {
    const other = new ClientKafka({ ...kafka, ...impatient, producerOnlyMode: true });
    await rxjs.firstValueFrom(other.emit(pattern, 'x')).finally(() => other.close());
  },
};

function call({ id, op, pattern, js, timeout: each, binary }) {
  const end = {
    next: (value) => print({ id, next: value === undefined ? { $undefined: true } : value }),
    error: (error) => print({ id, error: error ?? { $undefined: true } }),
    complete: () => print({ id, complete: true }),
  };
  try {
    const at = typeof pattern === 'string' ? topic(pattern) : evaluate(`return (${pattern.js})`);
    if (op === 'try') {
      rxjs.from(attempts[js](at)).subscribe({ ...end, next() {} });
      return;
    }
    const result = (binary ? binaryClient : client)[op](at, evaluate(`return (${js})`));
    (each ? result.pipe(rxjs.timeout({ each })) : result).subscribe(end);
  } catch (error) {
    end.error(error);
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  call(parse(line));
}
await stop();
