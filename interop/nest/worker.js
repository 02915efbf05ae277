import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, MessagePattern, Payload, Transport } from '@nestjs/microservices';
import { createTopics, decorate, firstFetch, kafka, print, stopWith, topic } from './peer.js';

const { PATTERNS = 'work', PARTITIONS, FROM_BEGINNING } = process.env;
const patterns = PATTERNS.split(',').map(topic);

class Worker {
  work(payload, context) {
    const { offset } = context.getMessage();
    const where = { topic: context.getTopic(), partition: context.getPartition(), offset: Number(offset) };
    print({ event: 'request', payload, ...where });
    return payload;
  }
}

decorate(Worker, { method: 'work', params: [Payload(), Ctx()] }, MessagePattern(patterns));
decorate(Worker, {}, Controller());

class App {}
decorate(App, {}, Module({ controllers: [Worker] }));

await createTopics(patterns, PARTITIONS);
const app = await NestFactory.createMicroservice(App, {
  transport: Transport.KAFKA,
  options: { ...kafka, subscribe: { fromBeginning: FROM_BEGINNING === 'true' } },
});
stopWith(() => app.close());
app.status.subscribe((status) => print({ status }));
await app.listen();
const [, consumer] = app.unwrap();
await firstFetch(consumer);
print({ ready: true });
