// The server of the side "nestjs": a microservice with one handler.
import { setTimeout as sleep } from 'node:timers/promises';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, MessagePattern, Payload, Transport } from '@nestjs/microservices';
import { range } from 'rxjs';
import { converse, kafka, settings } from './program.mjs';

const { op, pattern, delay } = settings;
const seen = { count: 0, first: 0, want: Infinity, reached: () => {} };

class Handlers {
  async sum(numbers) {
    if (delay > 0) await sleep(delay);
    return numbers.reduce((a, b) => a + b, 0);
  }

  echo(text) {
    return text;
  }

  stream(n) {
    return range(1, Number(n)); // Nest reads a number on the wire as text
  }

  events() {
    if (seen.count++ === 0) seen.first = performance.now();
    if (seen.count === seen.want) seen.reached();
  }
}

function decorate(target, method, ...decorators) {
  Payload()(target.prototype, method, 0);
  decorators.forEach((d) => d(target.prototype, method, Object.getOwnPropertyDescriptor(target.prototype, method)));
}

decorate(Handlers, op, op === 'events' ? EventPattern(pattern) : MessagePattern(pattern));
Controller()(Handlers);
class Server {}
Module({ controllers: [Handlers] })(Server);

const app = await NestFactory.createMicroservice(Server, {
  transport: Transport.KAFKA,
  options: kafka,
  logger: false,
});
await app.listen();

async function handled([text]) {
  const count = Number(text);
  if (seen.count < count) {
    await new Promise((resolve) => Object.assign(seen, { want: count, reached: resolve }));
  }
  return { count, took_ns: Math.round((performance.now() - seen.first) * 1e6) };
}

await converse({ handled }, () => app.close());
