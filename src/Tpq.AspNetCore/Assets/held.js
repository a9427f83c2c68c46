// The part of a queue's page about what is in hand.

import { read } from './api.js';
import { h, setText } from './dom.js';
import { age, until } from './format.js';
import { now } from './live.js';
import { showMessage } from './messages.js';
import { Table, text } from './table.js';

/** Who has messages in hand. Read again with each news of the queue. */
export function heldPart(name) {
  const sessions = new Table({
    label: 'Sessions', key: s => `${s.process ?? s.application}`, columns: [
      { key: 'application', title: 'Application', class: 'name', isHead: true, render: text(s => s.application || '(no name)') },
      { key: 'activity', title: 'State', render: text(s => s.isAsleep ? 'waits for a message' : s.state ?? (s.process ? 'not visible' : 'prepared transaction')) },
      { key: 'since', title: 'For', class: 'number', sort: s => s.since, render: text(s => s.isAsleep ? '–' : age(s.since, now())) },
      { key: 'messages', title: 'Messages', class: 'preview', render: text(s => s.ids ?? '') },
      { key: 'host', title: 'Host', render: text(s => s.host ?? 'local') },
      { key: 'user', title: 'Role', render: text(s => s.user ?? '–') },
      { key: 'process', title: 'Process', class: 'number', sort: s => s.process, render: text(s => `${s.process ?? '–'}`) },
    ],
  });
  const leases = new Table({
    label: 'Leased messages', key: m => m.id, columns: [
      { key: 'id', title: 'Id', isHead: true, sort: m => BigInt(m.id), render: (m, cell) => cell.firstChild ?? cell.append(h('button', { type: 'button', class: 'link', onclick: () => showMessage(name, m.id, []) }, m.id)) },
      { key: 'ends', title: 'Lease ends, unless renewed', class: 'number', sort: m => m.leasedUntil, render: text(m => until(m.leasedUntil, now())) },
      { key: 'age', title: 'Age', class: 'number', sort: m => m.enqueuedAt, render: text(m => age(m.enqueuedAt, now())) },
    ],
  });
  const error = h('p', { class: 'form-error', role: 'alert' });
  const noSessions = h('p', { class: 'empty' }, 'No session has messages in hand, or waits for one.');
  const leaseTitle = h('h3', { hidden: true }, 'Leased'), leaseNote = h('p', { class: 'muted', hidden: true }, 'A lease does not tell whose it is.');
  let isReading = false;
  const part = {
    element: h('div', null, error, h('h3', null, 'Sessions'), h('div', { class: 'scroll' }, sessions.element), noSessions, leaseTitle, leaseNote, h('div', { class: 'scroll' }, leases.element)),
    async reload() {
      if (isReading) return;
      isReading = true;
      try {
        const held = await read('held', { queue: name });
        const transactions = held.messages.filter(m => !m.leasedUntil), leased = held.messages.filter(m => m.leasedUntil);
        sessions.update(held.holders.map(s => ({ ...s, ids: list(transactions.filter(m => s.process && m.process === s.process).map(m => m.id)) })));
        leases.update(leased);
        sessions.element.hidden = held.holders.length === 0;
        noSessions.hidden = held.holders.length > 0;
        leases.element.hidden = leaseTitle.hidden = leaseNote.hidden = leased.length === 0;
        setText(error, '');
      } catch (e) {
        setText(error, e.message);
      } finally {
        isReading = false;
      }
    },
  };
  part.update = () => part.reload();
  return part;
}

function list(ids) {
  return ids.length <= 5 ? ids.join(', ') : `${ids.slice(0, 5).join(', ')} and ${ids.length - 5} more`;
}
