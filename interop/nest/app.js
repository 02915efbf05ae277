import { Body, Controller, Inject, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClientsModule, EventPattern, MessagePattern, Transport } from '@nestjs/microservices';
import { createTopics, decorate, firstFetch, kafka, print, stopWith, topic } from './peer.js';

const { PORT = '3000', ROLE = 'all', PARTITIONS, REPLY_PARTITIONS } = process.env;
const transport = { transport: Transport.KAFKA, options: kafka };

class Api {
  constructor(client) {
    this.client = client;
  }

  async onModuleInit() {
    this.client.subscribeToResponseOf(topic('sum'));
    this.client.subscribeToResponseOf(topic('max'));
    await this.client.connect();
    await firstFetch(this.client.consumer);
  }

  sum(numbers) {
    return this.client.send(topic('sum'), numbers);
  }

  max(numbers) {
    return this.client.send(topic('max'), numbers);
  }

  print(message) {
    return this.client.emit(topic('print'), message);
  }
}

class Worker {
  // Without an initial value an empty list is an error, as in the original.
  sum(numbers) {
    return numbers.reduce((a, b) => a + b);
  }

  max(numbers) {
    return Math.max(...numbers);
  }

  print(message) {
    print({ event: 'print', payload: message });
  }
}

for (const method of ['sum', 'max', 'print']) {
  decorate(Api, { method, params: [Body()] }, Post(method));
  const Pattern = method === 'print' ? EventPattern : MessagePattern;
  decorate(Worker, { method }, Pattern(topic(method)));
}
decorate(Api, { params: [Inject('kafka')] }, Controller());
decorate(Worker, {}, Controller());

class App {}
decorate(
  App,
  {},
  Module({
    imports: [ClientsModule.register([{ name: 'kafka', ...transport }])],
    controllers: { all: [Api, Worker], http: [Api], worker: [Worker] }[ROLE],
  }),
);

await createTopics(['sum', 'max', 'print'].map(topic), PARTITIONS);
await createTopics(['sum.reply', 'max.reply'].map(topic), REPLY_PARTITIONS);
const app = await NestFactory.create(App, { forceCloseConnections: true });
stopWith(() => app.close());
if (ROLE !== 'http') {
  const worker = app.connectMicroservice(transport);
  await app.startAllMicroservices();
  const [, consumer] = worker.unwrap();
  await firstFetch(consumer);
}
if (ROLE !== 'worker') await app.listen(Number(PORT));
else await app.init();
print({ ready: true, ...(ROLE !== 'worker' && { port: app.getHttpServer().address().port }) });
