import { Logger, makeWorkerUtils, run } from "graphile-worker";
import pg from "pg";
import { cannot } from "./cannot.js";

const task = "bench";
const silent = new Logger(() => () => {});

export async function create(connectionString, application_name) {
  const pgPool = new pg.Pool({ connectionString, application_name, max: 60 });
  pgPool.on("error", (error) => console.error(error));
  const utils = await makeWorkerUtils({ pgPool, logger: silent });
  await utils.migrate();

  const inBatches = { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 };

  const start = (concurrency, taskList, settings = inBatches) => run({
    pgPool,
    taskList,
    noHandleSignals: true,
    logger: silent,
    preset: {
      worker: { concurrentJobs: concurrency, ...settings },
    },
  });

  return {
    /** There is no fetch for others than its own runner. */
    worksOnly: true,

    put: (message) => utils.addJob(task, message),

    putMany: (messages) => utils.addJobs(messages.map((payload) => ({ identifier: task, payload }))),

    async get() {
      throw cannot("graphile-worker gives jobs to its own runner only");
    },

    async work(consumers, handler, singly) {
      const runner = await start(consumers, {
        [task]: async (message) => {
          if (handler.writesRow) await pgPool.query({ name: "ledger", text: "INSERT INTO ledger (message) VALUES ($1)", values: [0] });
          handler.note(message);
        },
      }, singly ? {} : inBatches);
      return () => runner.stop();
    },

    async waitIdly(queues) {
      await start(1, Object.fromEntries(Array.from({ length: queues }, (_, n) => [`idle${n}`, async () => {}])));
    },

    async end() {
      await utils.release();
      await pgPool.end();
    },
  };
}
