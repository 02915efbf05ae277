// A client of kafkajs, like java/Peer.java:
//
// produce BROKERS TOPIC COUNT        sends value-0, value-1 ... with acks=-1 and prints "acked OFFSET VALUE" for each
// consume BROKERS TOPIC COUNT GROUP  reads as a group's member until the offset COUNT, and prints "read OFFSET VALUE"
//                                    and "committed OFFSET" for each
import { Kafka, logLevel } from 'kafkajs';

const [mode, brokers, topic, count, groupId] = process.argv.slice(2);
const kafka = new Kafka({
  clientId: 'durable',
  brokers: brokers.split(','),
  logLevel: logLevel.ERROR,
  retry: { retries: 100, initialRetryTime: 50, maxRetryTime: 200 },
});
const print = (...words) => process.stdout.write(words.join(' ') + '\n');

async function produce() {
  const producer = kafka.producer();
  await producer.connect();
  for (let i = 0; i < Number(count); i++) {
    const value = `value-${i}`;
    const [stored] = await producer.send({ topic, acks: -1, messages: [{ value }] });
    print('acked', stored.baseOffset, value);
  }
  await producer.disconnect();
}

async function consume() {
  const consumer = kafka.consumer({ groupId, sessionTimeout: 6000, heartbeatInterval: 200, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await new Promise((done, failed) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => payload.restart || failed(payload.error));
    consumer.on(consumer.events.COMMIT_OFFSETS, ({ payload }) => {
      const { offset } = payload.topics[0].partitions[0];
      print('committed', offset);
      if (BigInt(offset) >= BigInt(count)) done();
    });
    consumer.run({
      autoCommitThreshold: 1,
      eachMessage: async ({ message }) => print('read', message.offset, message.value),
    });
  });
  await consumer.disconnect();
}

await (mode === 'produce' ? produce() : consume());
