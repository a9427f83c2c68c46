// The state of all queues, as the server tells it: everything first, then what has changed.

const retryAfter = 2000;

export const state = {
  settings: null,
  queues: new Map(),
  /** By queue, points { at, ready, in, out } of the last minutes. */
  history: new Map(),
  trouble: null,
  isConnected: false,
  /** The server's clock less ours, in milliseconds. */
  clockOffset: 0,
};

const listeners = new Set();

/** Calls the listener after each change, until the result is called. */
export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function now() {
  return Date.now() + state.clockOffset;
}

export function connect() {
  const source = new EventSource('api/events');
  source.addEventListener('all', e => receive(JSON.parse(e.data), true));
  source.addEventListener('changes', e => receive(JSON.parse(e.data), false));
  source.addEventListener('trouble', e => receive(JSON.parse(e.data), false));
  source.onerror = () => {
    // The browser tries again by itself unless it was refused.
    source.close();
    state.isConnected = false;
    notify({ all: false, changed: [] });
    setTimeout(connect, retryAfter);
  };
}

function receive(message, isAll) {
  state.isConnected = true;
  state.trouble = message.trouble ?? null;
  if (message.at) state.clockOffset = Date.parse(message.at) - Date.now();
  if (isAll) {
    state.settings = message.settings;
    state.queues.clear();
    state.history.clear();
    for (const [name, chart] of Object.entries(message.history)) {
      state.history.set(name, chart.at.map((at, i) => ({ at, ready: chart.ready[i], in: chart.in[i], out: chart.out[i] })));
    }
  }
  for (const queue of message.queues) state.queues.set(queue.name, queue);
  for (const name of message.gone) {
    state.queues.delete(name);
    state.history.delete(name);
  }
  if (!isAll && message.at && !state.trouble) remember(Date.parse(message.at) / 1000);
  notify({ all: isAll || message.gone.length > 0, changed: message.queues.map(q => q.name) });
}

function remember(at) {
  for (const queue of state.queues.values()) {
    const points = state.history.get(queue.name) ?? [];
    if (points.length === 0 && !queue.ready && !queue.in && !queue.out) continue;
    points.push({ at, ready: queue.ready, in: queue.in ?? 0, out: queue.out ?? 0 });
    while (points[0].at < at - state.settings.windowSeconds) points.shift();
    state.history.set(queue.name, points);
  }
}

function notify(change) {
  for (const listener of [...listeners]) listener(change);
}
