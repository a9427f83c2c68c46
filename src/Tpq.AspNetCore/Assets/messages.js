// Messages in a table, and one of them with all that is known of it.

import { read } from './api.js';
import { h, setText, toast } from './dom.js';
import { age, bytes, moment, until } from './format.js';
import { now } from './live.js';
import { pretty } from './json.js';
import { Table, text } from './table.js';

/** The headers that a dead letter has, see the documentation of dead letters. */
export function deathOf(message) {
  const headers = headersOf(message);
  return { error: headers['tpq-error'], attempts: headers['tpq-attempts'], queue: headers['tpq-queue'], id: headers['tpq-id'], diedAt: headers['tpq-died-at'] };
}

/** By name, as text: what was put with SQL may be anything. */
export function headersOf(message) {
  try {
    const headers = Object.entries(JSON.parse(message.headers ?? '{}') ?? {});
    return Object.fromEntries(headers.map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]));
  } catch {
    return {};
  }
}

/** kind: 'ready', 'later' or 'dead'. open(id) is called for the message that was chosen. */
export function messageTable(kind, open) {
  const columns = {
    id: {
      key: 'id', title: 'Id', isHead: true, sort: m => BigInt(m.id),
      render: (m, cell) => cell.firstChild ?? cell.append(h('button', { type: 'button', class: 'link', onclick: () => open(m.id) }, m.id)),
    },
    age: { key: 'age', title: 'Age', class: 'number', sort: m => m.enqueuedAt, render: text(m => age(m.enqueuedAt, now())) },
    due: { key: 'due', title: 'Due', class: 'number', sort: m => m.dueAt, render: text(m => until(m.dueAt, now())) },
    died: { key: 'died', title: 'Died', class: 'number', sort: m => deathOf(m).diedAt, render: text(m => deathOf(m).diedAt ? age(deathOf(m).diedAt, now()) : '–') },
    attempts: { key: 'attempts', title: 'Attempts', class: 'number', sort: m => m.attempts, render: text(m => `${m.attempts}`) },
    deadAttempts: { key: 'attempts', title: 'Attempts', class: 'number', sort: m => Number(deathOf(m).attempts ?? 0), render: text(m => deathOf(m).attempts ?? '–') },
    size: { key: 'size', title: 'Size', class: 'number', sort: m => m.bytes, render: text(m => bytes(m.bytes)) },
    error: { key: 'error', title: 'Error', class: 'preview error-text', sort: m => deathOf(m).error ?? '', render: text(m => firstLine(deathOf(m).error ?? '–')) },
    data: { key: 'data', title: 'Payload', class: 'preview mono', render: text(m => m.data) },
    state: { key: 'state', title: '', render: renderState(kind) },
  };
  const order = {
    ready: ['id', 'age', 'attempts', 'size', 'data', 'state'],
    later: ['id', 'due', 'attempts', 'size', 'data', 'state'],
    dead: ['id', 'died', 'deadAttempts', 'error', 'data', 'state'],
  }[kind];
  return new Table({ label: 'Messages', key: m => m.id, columns: order.map(k => columns[k]) });
}

function renderState(kind) {
  return (message, cell) => {
    const words = message.inHand ? kind === 'later' ? 'leased' : 'in hand' : '';
    if (cell.textContent !== words) cell.replaceChildren(words && h('span', { class: 'badge' }, words));
  };
}

function firstLine(words) {
  return words.split('\n', 1)[0];
}

/** Shows one message beside the page. actions: [{ title, isDangerous, run: message => promise of whether it is gone }] */
export async function showMessage(queue, id, actions) {
  let message;
  try {
    message = await read('message', { queue, id });
  } catch (e) {
    toast(e.message, true);
    return;
  }
  const close = h('button', { type: 'button', class: 'button', onclick: () => dialog.close() }, 'Close');
  const dialog = h('dialog', { class: 'drawer', 'aria-labelledby': 'message-title' },
    h('header', null, h('h2', { id: 'message-title' }, `Message ${message.id}`), close), facts(queue, message), h('h3', null, 'Payload'), payload(message),
    actions.length > 0 && h('div', { class: 'buttons' }, actions.map(action => h('button', {
      type: 'button', class: action.isDangerous ? 'button danger' : 'button',
      onclick: async () => {
        if (await action.run(message)) dialog.close();
      },
    }, action.title))));
  dialog.addEventListener('close', () => dialog.remove());
  dialog.addEventListener('click', event => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  close.focus();
}

function facts(queue, message) {
  const rows = [
    ['Queue', queue],
    ['Put', message.enqueuedAt ? `${age(message.enqueuedAt, now())} ago, ${moment(message.enqueuedAt)}` : 'not known'],
    ['Failed attempts', `${message.attempts}`],
    ['Size', bytes(message.bytes)],
    ['State', message.dueAt ? message.inHand ? `leased, ends ${until(message.dueAt, now())} unless it is renewed` : `for later, ${until(message.dueAt, now())}` : message.inHand ? 'in hand' : 'ready'],
    ...Object.entries(headersOf(message)),
  ];
  return h('dl', { class: 'facts' }, rows.map(([name, value]) => [h('dt', null, name), h('dd', { class: name === 'tpq-error' ? 'error-text' : null }, value)]));
}

function payload(message) {
  const isWhole = new Blob([message.data]).size >= message.bytes;
  const copy = h('button', { type: 'button', class: 'button small', onclick: async () => {
    await navigator.clipboard?.writeText(message.data);
    setText(copy, 'Copied');
  } }, 'Copy');
  return h('div', { class: 'payload' }, navigator.clipboard && copy, !isWhole && h('p', { class: 'muted' }, `The beginning only: it has ${bytes(message.bytes)}.`), pretty(message.data));
}
