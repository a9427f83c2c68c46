import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { PgBoss } from "pg-boss";

const queue = "bench";
const batchSize = 100;

export async function create(connectionString, application_name) {
  const boss = new PgBoss({ connectionString, application_name, max: 60, useListenNotify: true });
  const pool = new pg.Pool({ connectionString, application_name, max: 60 });
  pool.on("error", (error) => console.error(error));
  boss.on("error", (error) => console.error(error));
  await boss.start();
  await boss.createQueue(queue, { notify: true });

  /** Messages and their rows in a transaction: a worker pauses after each batch that is not full, and one of batch size 1 after each message, so by fetch and complete. */
  async function takeWithRows(consumers, handler, batchSize) {
    let stopped = false;
    const consume = async () => {
      const client = await pool.connect();
      const db = { executeSql: (text, values) => client.query(text, values) };
      try {
        while (!stopped) {
          await client.query("BEGIN");
          const jobs = await boss.fetch(queue, { batchSize, db });
          for (const job of jobs) {
            await client.query({ name: "ledger", text: "INSERT INTO ledger (message) VALUES ($1)", values: [0] });
            handler.note(job.data);
          }
          if (jobs.length > 0) await boss.complete(queue, jobs.map((job) => job.id), undefined, { db });
          await client.query("COMMIT");
          if (jobs.length === 0) await sleep(10);
        }
      } finally {
        client.release();
      }
    };
    const work = Promise.all(Array.from({ length: consumers }, consume));
    work.catch((error) => console.error(error));
    return async () => {
      stopped = true;
      await work;
    };
  }

  return {
    put: (message) => boss.send(queue, message),

    putMany: (messages) => boss.insert(queue, messages.map((data) => ({ data }))),

    async get(count) {
      const jobs = await boss.fetch(queue, { batchSize: count });
      if (jobs.length > 0) await boss.complete(queue, jobs.map((job) => job.id));
      return jobs.length;
    },

    async work(consumers, handler, singly) {
      if (handler.writesRow) return takeWithRows(consumers, handler, singly ? 1 : 500);
      const options = { localConcurrency: consumers, batchSize, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 };
      await boss.work(queue, options, async (jobs) => jobs.forEach((job) => handler.note(job.data)));
      return () => boss.offWork(queue, { wait: true });
    },

    async waitIdly(queues) {
      for (let n = 0; n < queues; n++) {
        await boss.createQueue(`idle${n}`, { notify: true });
        await boss.work(`idle${n}`, {}, async () => {});
      }
    },

    async end() {
      await boss.stop({ graceful: false });
      await pool.end();
    },
  };
}
