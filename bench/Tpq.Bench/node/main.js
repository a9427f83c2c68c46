// The other side of NodeSystem.cs: one JSON line in is a command, one JSON line out its answer.
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

const [, , systemName, url, applicationName] = process.argv;
const { create } = await import(`./${systemName}.js`);
const system = await create(url, applicationName);

const patience = 30_000;
let handler = newHandler("Nothing");
let working = null;

/** The wall clock in microseconds, as the other processes of this machine have it. */
const now = () => Math.round((performance.timeOrigin + performance.now()) * 1000);

const payload = (at) => ({ at, order: 1234567, customer: "c-20418", item: "tea", cents: 1250 });
const plain = payload(1_000_000_000_000_000);

function newHandler(work) {
  return {
    writesRow: work === "WriteRow",
    handled: 0,
    arrivals: [],
    note(message) {
      if (work === "Time") this.arrivals.push([message.at, now() - message.at]);
      this.handled++;
    },
  };
}

/** Repeats a step in several workers; it returns how many messages it was about, 0 when there are no more. */
async function rate(workers, { warmup, length }, step) {
  let count = 0;
  let ended = false;
  const work = Promise.all(Array.from({ length: workers }, async () => {
    while (!ended) {
      const n = await step();
      if (n === 0) return;
      count += n;
    }
  }));
  await Promise.race([work, sleep(warmup)]);
  const [before, start] = [count, performance.now()];
  await Promise.race([work, sleep(length)]);
  const result = ((count - before) / (performance.now() - start)) * 1000;
  ended = true;
  await work;
  return result;
}

async function untilHandled(count) {
  const start = performance.now();
  while (handler.handled < count) {
    if (performance.now() - start > patience)
      throw new Error(`${count - handler.handled} of ${count} messages had not arrived ${patience / 1000} s after the last was put`);
    await sleep(2);
  }
}

const commands = {
  put: ({ producers, ...window }) => rate(producers, window, async () => (await system.put(plain), 1)),

  async putCount({ count }) {
    for (let n = 0; n < count; n++) await system.put(plain);
  },

  async putMany({ count }) {
    const start = performance.now();
    await system.putMany(Array.from({ length: count }, () => plain));
    return (count / (performance.now() - start)) * 1000;
  },

  getMany: ({ batch, ...window }) => rate(1, window, () => system.get(batch)),

  async getCount({ count }) {
    if (system.worksOnly) {
      await commands.work({ consumers: 1, work: "Nothing" });
      await untilHandled(count);
      await commands.stop();
      return;
    }
    for (let n = 0; n < count; ) {
      const got = await system.get(1);
      if (got === 0) await sleep(2);
      n += got;
    }
  },

  async work({ consumers, work, singly = false }) {
    handler = newHandler(work);
    working = await system.work(consumers, handler, singly);
  },

  async stop() {
    await working?.();
    working = null;
  },

  handled: async () => handler.handled,

  async follow({ times, producers, consumers }) {
    const warmups = 50;
    await commands.work({ consumers, work: "Time" });
    try {
      for (let n = 0; n < warmups; n++) {
        await system.put(payload(now()));
        await sleep(5);
      }
      await untilHandled(warmups);
      handler.arrivals = [];
      const start = performance.now();
      let next = 0;
      await Promise.all(Array.from({ length: producers }, async () => {
        while (next < times.length) {
          let late = performance.now() - start - times[next++];
          if (late < 0) {
            await sleep(-late);
            late = 0;
          }
          // As in Follow.cs: what the producers are late with counts from when it was due.
          await system.put(payload(now() - Math.round(late * 1000)));
        }
      }));
      await untilHandled(warmups + times.length);
      return handler.arrivals;
    } finally {
      await commands.stop();
    }
  },

  waitIdly: ({ queues }) => system.waitIdly(queues),

  /** Seconds of CPU that this process has used. */
  cpu: async () => (({ user, system }) => (user + system) / 1e6)(process.cpuUsage()),

  async end() {
    await commands.stop();
    await system.end();
    setImmediate(() => process.exit(0));
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, command, ...options } = JSON.parse(line);
  const answer = (rest) => process.stdout.write(JSON.stringify({ id, ...rest }) + "\n");
  Promise.resolve()
    .then(() => commands[command](options))
    .then((result) => answer({ result: result ?? null }))
    .catch((error) => answer({ error: error.notPossible ? null : String(error.message ?? error), notPossible: error.notPossible }));
}
process.exit(0);
