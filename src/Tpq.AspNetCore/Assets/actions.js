// What the pages do, and what they ask before. After it the part of the page that it was done in is read again.

import { write, writeAbout } from './api.js';
import { ask } from './dialog.js';
import { toast } from './dom.js';
import { messages } from './format.js';
import { state } from './live.js';

export function writes(actions) {
  return state.settings?.allowsWrites ? actions : [];
}

export function removeAction(queue, part) {
  return {
    title: 'Delete …', isDangerous: true,
    run: async message => {
      const done = await ask({
        title: `Delete message ${message.id}?`, text: `It is removed from ${queue} for good.`, action: 'Delete', isDangerous: true,
        act: () => expectOne(writeAbout(message.id, 'delete', { queue })),
      });
      if (done) finish(`Message ${message.id} is deleted.`, part);
      return done;
    },
  };
}

export function moveAction(queue, part) {
  return {
    title: 'Move …',
    run: async message => {
      const done = await ask({
        title: `Move message ${message.id}`, action: 'Move', fields: [targetField(queue)],
        act: values => expectOne(writeAbout(message.id, 'move', { queue, target: values.target })),
      });
      if (done) finish(`Message ${message.id} is in ${done.target}.`, part);
      return done;
    },
  };
}

/** What a request about one message is to find. */
export async function expectOne(request) {
  if ((await request).count !== 1) throw new Error('It is not there any more, or a consumer has it in hand.');
}

function targetField(queue) {
  return { name: 'target', label: 'To queue', required: true, options: [...state.queues.keys()].filter(q => q !== queue) };
}

export async function act(request, words, part) {
  try {
    await request();
    finish(words, part);
    return true;
  } catch (e) {
    toast(e.message, true);
    return false;
  }
}

function finish(words, part) {
  toast(words);
  part?.reload?.();
}

export async function putMessage(name, part) {
  let id;
  const done = await ask({
    title: `Put a message into ${name}`, action: 'Put', fields: [
      { name: 'json', label: 'Payload', kind: 'area', required: true, placeholder: '{"id": 7}', hint: 'JSON, kept byte for byte.' },
      { name: 'delay', label: 'Delay in seconds', kind: 'number', placeholder: '0', hint: 'Empty: at once.' },
    ],
    act: async values => {
      id = (await write('put', { queue: name, json: values.json, delaySeconds: Number(values.delay || 0) })).id;
    },
  });
  if (done) finish(`Message ${id} is put.`, part);
}

export async function pause(name) {
  const done = await ask({
    title: `Pause ${name}?`, text: 'All consumers of all processes finish what they have in hand and take nothing more until it is resumed. Messages can still be put.',
    action: 'Pause', act: () => write('pause', { queue: name }),
  });
  if (done) toast(`${name} is paused.`);
}

export async function move(name, part) {
  let moved = 0;
  const done = await ask({
    title: `Move messages of ${name}`, text: 'From the front of the line to the end of the other one, under new ids. What is in hand stays.', action: 'Move',
    fields: [targetField(name), { name: 'max', label: 'How many', kind: 'number', placeholder: 'all', hint: 'Empty: all.', min: 1 }],
    act: async values => {
      moved = (await write('move', { queue: name, target: values.target, ...values.max && { max: Math.trunc(Number(values.max)) } })).count;
    },
  });
  if (done) finish(`${messages(moved)} moved to ${done.target}.`, part);
}

export async function clear(name, part) {
  const q = state.queues.get(name);
  let removed = 0;
  const done = await ask({
    title: `Clear ${name}?`, text: `${q ? `About ${messages(q.ready)}` : 'All messages'} in line are removed for good. What is in hand or for later stays.`, isDangerous: true, action: 'Clear',
    fields: [{ name: 'confirmation', label: `Type the name of the queue, ${name}`, required: true }],
    act: async values => {
      if (values.confirmation !== name) throw new Error('That is not its name.');
      removed = (await write('clear', { queue: name })).count;
    },
  });
  if (done) finish(`${messages(removed)} removed.`, part);
}

export async function redriveAll(name, deadName, part) {
  let moved = 0;
  const done = await ask({
    title: `Redrive all dead letters of ${name}?`, text: `They go to the end of ${name} and are tried afresh.`, action: 'Redrive all',
    act: async () => {
      moved = (await write('move', { queue: deadName, target: name })).count;
    },
  });
  if (done) finish(`${messages(moved)} back in ${name}.`, part);
}
