import { setTimeout as sleep } from 'node:timers/promises';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  Ctx,
  EventPattern,
  MessagePattern,
  Payload,
  RpcException,
  Transport,
} from '@nestjs/microservices';
import { EMPTY, concat, ignoreElements, interval, map, of, take, throwError, timer } from 'rxjs';
import { createTopics, decorate, firstFetch, kafka, print, stopWith, topic } from './peer.js';

const count = ({ n }) =>
  interval(20).pipe(
    take(n),
    map((i) => i + 1),
  );

// A result that has a `value` property is taken for a Kafka message, so `echo`
// and `headers` return one: then no content of theirs can be mistaken for it.
// `echo` ignores its payload because Nest passes the whole message for a null.
class Requests {
  sum(numbers) {
    return numbers.reduce((a, b) => a + b, 0);
  }

  echo(_, context) {
    return { value: context.getMessage().value };
  }

  text() {
    return 'Grüße, "peer"';
  }

  object() {
    return { a: 1, b: [true, null, 'x'], nested: { c: { d: 'e' } } };
  }

  array() {
    return [1, 'two', null, { three: 3 }];
  }

  void() {}

  headers(_, context) {
    const { headers } = context.getMessage();
    const text = (value) => (typeof value === 'object' ? JSON.stringify(value) : value);
    return { value: Object.fromEntries(Object.entries(headers).map(([k, v]) => [k, text(v)])) };
  }

  async slow({ ms }) {
    await sleep(ms);
    return ms;
  }

  count(payload) {
    return count(payload);
  }

  late(payload) {
    return concat(count(payload), timer(100).pipe(ignoreElements()));
  }

  empty() {
    return EMPTY;
  }

  'fail.rpc'() {
    throw new RpcException({ code: 42, message: 'm' });
  }

  'fail.text'() {
    throw new RpcException('msg');
  }

  'fail.plain'() {
    throw new Error('secret');
  }

  'fail.after'() {
    return concat(
      of(1, 2),
      throwError(() => new RpcException('after two')),
    );
  }
}

class Events {
  first(_, context) {
    this.record(1, context.getMessage());
  }

  second(_, context) {
    this.record(2, context.getMessage());
  }

  record(handler, { value, key, headers }) {
    print({ event: 'note', handler, payload: value, key, headers });
  }
}

const patterns = Object.getOwnPropertyNames(Requests.prototype).slice(1); // without the constructor
const params = [Payload(), Ctx()];
for (const method of patterns) {
  decorate(Requests, { method, params }, MessagePattern(topic(method)));
}
for (const method of ['first', 'second']) {
  decorate(Events, { method, params }, EventPattern(topic('note')));
}

class Server {}
decorate(Requests, {}, Controller());
decorate(Events, {}, Controller());
decorate(Server, {}, Module({ controllers: [Requests, Events] }));

await createTopics([...patterns, 'note'].map(topic), process.env.PARTITIONS);
const app = await NestFactory.createMicroservice(Server, {
  transport: Transport.KAFKA,
  options: kafka,
});
stopWith(() => app.close());
app.status.subscribe((status) => print({ status }));
await app.listen();
const [, consumer] = app.unwrap();
await firstFetch(consumer);
print({ ready: true });
