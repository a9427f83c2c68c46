// The parts of a queue's page that list messages.

import { act, clear, expectOne, moveAction, redriveAll, removeAction, writes } from './actions.js';
import { read, writeAbout } from './api.js';
import { h, setText } from './dom.js';
import { state } from './live.js';
import { messageTable, showMessage } from './messages.js';

const pageSize = 50;

/** A list of messages, read when it is shown and when it is asked to, so that nothing jumps under the reader's eyes. */
function listPart({ kind, load, tools = [], emptyWords, open }) {
  const table = messageTable(kind, id => open(id, part));
  const empty = h('p', { class: 'empty', hidden: true });
  const more = h('button', { type: 'button', class: 'button', hidden: true, onclick: () => part.more() }, `Next ${pageSize}`);
  const error = h('p', { class: 'form-error', role: 'alert' });
  let listed = [];
  const part = {
    element: h('div', null, h('div', { class: 'tools' }, h('button', { type: 'button', class: 'button', onclick: () => part.reload() }, 'Refresh'), tools),
      error, h('div', { class: 'scroll' }, table.element), empty, more),
    async reload() {
      await show(() => load(null), false);
    },
    async more() {
      await show(() => load(listed.at(-1).id), true);
    },
  };
  async function show(loading, isMore) {
    try {
      const page = await loading();
      listed = isMore ? [...listed, ...page.messages] : page.messages;
      table.update(listed);
      more.hidden = !page.hasMore || kind === 'later';
      empty.hidden = listed.length > 0;
      table.element.hidden = listed.length === 0;
      setText(empty, emptyWords);
      setText(error, kind === 'later' && page.hasMore ? `Only the first ${listed.length} are shown, by their time.` : '');
    } catch (e) {
      setText(error, e.message);
    }
  }
  return part;
}

export function readyPart(name) {
  const find = h('form', { class: 'find', onsubmit: event => {
    event.preventDefault();
    const id = event.target.elements.id.value.trim();
    if (id) open(id, part);
  } }, h('input', { name: 'id', inputmode: 'numeric', pattern: '-?[0-9]+', placeholder: 'Find by id', 'aria-label': 'Find a message by its id', title: 'The id of a message, a number' }),
  h('button', { class: 'button' }, 'Find'));
  const open = (id, own) => showMessage(name, id, writes([removeAction(name, own), moveAction(name, own)]));
  const part = listPart({
    kind: 'ready', tools: [find], emptyWords: 'No messages are in line.', open,
    load: after => read('messages', { queue: name, max: pageSize, ...after && { after } }),
  });
  return part;
}

export function laterPart(name) {
  return listPart({
    kind: 'later', emptyWords: 'Nothing is for later or leased.',
    open: (id, own) => showMessage(name, id, writes([removeAction(name, own)])),
    load: () => read('later', { queue: name }),
  });
}

export function deadPart(name, deadName) {
  const redrive = h('button', { type: 'button', class: 'button', hidden: true, onclick: () => redriveAll(name, deadName, part) }, 'Redrive all …');
  const clearDead = h('button', { type: 'button', class: 'button danger', hidden: true, onclick: () => clear(deadName, part) }, 'Clear dead letters …');
  const part = listPart({
    kind: 'dead', tools: [redrive, clearDead], emptyWords: 'There are no dead letters.',
    open: (id, own) => showMessage(deadName, id, writes([{
      title: 'Redrive',
      run: () => act(() => expectOne(writeAbout(id, 'move', { queue: deadName, target: name })), `Message ${id} is back in ${name}.`, own),
    }, removeAction(deadName, own)])),
    load: after => state.queues.has(deadName) ? read('messages', { queue: deadName, max: pageSize, ...after && { after } }) : { messages: [], hasMore: false },
  });
  part.update = q => {
    redrive.hidden = clearDead.hidden = !state.settings.allowsWrites || !q.dead;
  };
  return part;
}
