// The page of one queue.

import { act, clear, move, pause, putMessage } from './actions.js';
import { write } from './api.js';
import { chart } from './chart.js';
import { h, setText } from './dom.js';
import { age, count, rate } from './format.js';
import { heldPart } from './held.js';
import { deadPart, laterPart, readyPart } from './lists.js';
import { listen, now, state } from './live.js';
import { queueLink, tiles } from './overview.js';

const parts = new Map([['messages', readyPart], ['later', laterPart], ['dead', deadPart], ['held', heldPart]]);

export function queuePage(name, chosen) {
  const tab = parts.has(chosen) ? chosen : 'messages';
  const queue = () => state.queues.get(name);
  const deadName = `${name}_dead`;
  const figures = h('dl', { class: 'tiles' });
  const charts = h('div', { class: 'charts' });
  const paused = h('span', { class: 'badge paused', hidden: true }, 'paused');
  const awaited = h('span', { class: 'badge', hidden: true, title: 'A consumer sleeps until a message comes.' }, 'consumer waiting');
  const tools = h('div', { class: 'buttons' });
  const tabs = h('nav', { class: 'tabs', 'aria-label': 'Parts of the queue' });
  const body = h('section', { class: 'tab-body' });
  const missing = h('p', { class: 'empty', hidden: true }, `There is no queue "${name}" that may be read.`);
  const content = h('div', null, figures, charts, tabs, body);
  const element = h('div', null,
    h('nav', { class: 'crumbs', 'aria-label': 'Way' }, h('a', { href: '#/' }, 'Queues'), h('span', { 'aria-hidden': 'true' }, '/')),
    h('div', { class: 'title' }, h('h1', null, name), paused, awaited, tools), missing, content);
  const part = parts.get(tab)(name, deadName);
  body.append(part.element);

  let isShown = false;

  function update() {
    const q = queue();
    missing.hidden = Boolean(q) || !state.settings;
    content.hidden = !q;
    const appears = q && !isShown;
    isShown = Boolean(q);
    if (!q) return;
    if (appears) part.reload();
    paused.hidden = !q.paused;
    awaited.hidden = !q.awaited;
    renderFigures();
    renderTabs(q);
    renderTools(q);
    renderCharts();
    part.update?.(q);
  }

  function renderFigures() {
    const q = queue();
    if (!q) return;
    tiles(figures, [
      ['Depth', count(q.ready, q.estimates.includes('r'))], ['In hand', count(q.inHand, q.estimates.includes('i'))], ['Later', count(q.later, q.estimates.includes('l'))],
      ['Dead', count(q.dead, q.estimates.includes('d')), q.dead > 0 ? 'bad' : ''], ['Oldest', age(q.oldest, now())], ['In /s', rate(q.in)], ['Out /s', rate(q.out)],
    ]);
  }

  function renderTabs(q) {
    const all = [['messages', 'Messages', null], ['later', 'Later', q.later], ['dead', 'Dead letters', q.dead], ['held', 'In hand', q.inHand]];
    if (tabs.children.length === 0) {
      tabs.append(...all.map(([key, title]) => h('a', { href: queueLink(name, key === 'messages' ? '' : key), 'aria-current': key === tab ? 'page' : null }, title, h('span', { class: 'muted' }))));
    }
    all.forEach(([, , number], i) => setText(tabs.children[i].lastChild, number ? ` ${count(number)}` : ''));
  }

  function renderTools(q) {
    if (!state.settings.allowsWrites || tools.dataset.paused === `${q.paused}`) return;
    tools.dataset.paused = `${q.paused}`;
    tools.replaceChildren(
      h('button', { type: 'button', class: 'button primary', onclick: () => putMessage(name, part) }, 'Put …'),
      q.paused
        ? h('button', { type: 'button', class: 'button', onclick: () => act(() => write('resume', { queue: name }), `${name} is resumed.`) }, 'Resume')
        : h('button', { type: 'button', class: 'button', onclick: () => pause(name) }, 'Pause …'),
      h('button', { type: 'button', class: 'button', onclick: () => move(name, part) }, 'Move …'),
      h('button', { type: 'button', class: 'button danger', onclick: () => clear(name, part) }, 'Clear …'));
  }

  function renderCharts() {
    const points = state.history.get(name) ?? [], seconds = state.settings.windowSeconds, end = now() / 1000;
    charts.replaceChildren(
      h('figure', null, h('figcaption', null, 'Depth'), chart('Depth in the last minutes', points, [['Depth', 'ready', p => p.ready]], seconds, end, false)),
      h('figure', null, h('figcaption', null, h('span', { class: 'key in' }, 'In'), h('span', { class: 'key out' }, 'Out'), ' a second'),
        chart('Messages in and out a second in the last minutes', points, [['In', 'in', p => p.in], ['Out', 'out', p => p.out]], seconds, end, true)));
  }

  const stop = listen(change => {
    // After an interruption much may have changed.
    if (change.all) isShown = false;
    update();
  });
  const clock = setInterval(renderFigures, 1000);
  update();
  return {
    title: name, element,
    stop: () => {
      stop();
      clearInterval(clock);
    },
  };
}
