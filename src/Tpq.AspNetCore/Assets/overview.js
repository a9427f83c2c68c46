// The page of all queues.

import { h, setClass, setText } from './dom.js';
import { age, count, rate } from './format.js';
import { listen, now, state } from './live.js';
import { sparkline } from './chart.js';
import { Table } from './table.js';

const deadSuffix = '_dead';

/** The way to a queue's page. */
export function queueLink(name, tab) {
  return `#/queue/${encodeURIComponent(name)}${tab ? `/${tab}` : ''}`;
}

/** What was chosen stays while the page is open. */
const chosen = { filter: '', onlyBusy: false, sort: { key: 'name', isDescending: false } };

export function overviewPage() {
  const onScreen = new Set();
  const observer = new IntersectionObserver(entries => {
    for (const entry of entries) {
      if (entry.isIntersecting) onScreen.add(entry.target);
      else onScreen.delete(entry.target);
    }
    table.refresh('chart-cell', row => onScreen.has(row));
  }, { rootMargin: '200px' });
  const totals = h('dl', { class: 'tiles' });
  const filter = h('input', { type: 'search', id: 'filter', placeholder: 'Filter queues  ( / )', 'aria-label': 'Filter queues', value: chosen.filter, oninput: arrange });
  const onlyBusy = h('input', { type: 'checkbox', checked: chosen.onlyBusy, onchange: arrange });
  const shown = h('span', { class: 'muted', role: 'status' });
  const empty = h('p', { class: 'empty', hidden: true });
  const table = new Table({ label: 'Queues', key: q => q.name, columns: columns(() => onScreen), sort: chosen.sort, onsort: sort => (chosen.sort = sort) });

  const element = h('div', null,
    totals,
    h('div', { class: 'tools' }, filter, h('label', { class: 'check' }, onlyBusy, 'With messages only'), shown),
    h('div', { class: 'scroll' }, table.element), empty);

  function arrange(changed = null) {
    chosen.filter = filter.value;
    chosen.onlyBusy = onlyBusy.checked;
    const all = [...state.queues.values()].filter(q => !isOfParent(q.name));
    const words = chosen.filter.toLowerCase().split(/\s+/).filter(Boolean);
    const queues = all.filter(q => words.every(w => q.name.toLowerCase().includes(w)) && (!chosen.onlyBusy || q.ready || q.inHand || q.later || q.dead));
    table.update(queues, changed instanceof Set ? changed : null);
    for (const { element: row } of table.rows) observer.observe(row);
    setText(shown, queues.length === all.length ? `${count(all.length)} ${all.length === 1 ? 'queue' : 'queues'}` : `${count(queues.length)} of ${count(all.length)} queues`);
    empty.hidden = queues.length > 0;
    table.element.hidden = queues.length === 0;
    setText(empty, all.length > 0 ? 'No queue fits the filter.' : state.settings ? 'There are no queues in this database that the role may read. Create one: tpq create orders' : 'Loading the queues …');
    summarize(totals);
  }

  const stop = listen(change => {
    arrange(change.all ? null : new Set(change.changed));
    table.refresh('chart-cell', row => onScreen.has(row));
  });
  const clock = setInterval(() => table.refresh('oldest', row => onScreen.has(row)), 1000);
  arrange();
  return {
    title: 'Queues', element,
    key: event => {
      if (event.key !== '/') return false;
      filter.focus();
      return true;
    },
    stop: () => {
      stop();
      clearInterval(clock);
      observer.disconnect();
    },
  };
}

/** A dead letter queue is shown in the row of its queue. */
function isOfParent(name) {
  return name.endsWith(deadSuffix) && state.queues.has(name.slice(0, -deadSuffix.length));
}

function columns(onScreen) {
  const number = (key, title, mark) => ({
    key, title, class: 'number', isDescending: true, sort: q => q[key],
    render: (q, cell) => {
      setText(cell, count(q[key], q.estimates.includes(mark)));
      setClass(cell, 'zero', !q[key]);
    },
  });
  return [
    { key: 'name', title: 'Queue', isHead: true, sort: q => q.name, render: renderName },
    number('ready', 'Depth', 'r'),
    number('inHand', 'In hand', 'i'),
    number('later', 'Later', 'l'),
    {
      key: 'dead', title: 'Dead', class: 'number', isDescending: true, sort: q => q.dead,
      render: (q, cell) => {
        setClass(cell, 'zero', !q.dead);
        setClass(cell, 'bad', q.dead > 0);
        const words = count(q.dead, q.estimates.includes('d'));
        if (cell.textContent === words) return;
        cell.replaceChildren(q.dead > 0 ? h('a', { href: queueLink(q.name, 'dead') }, words) : words);
      },
    },
    { key: 'oldest', title: 'Oldest', class: 'number', isDescending: true, sort: q => q.oldest && -Date.parse(q.oldest), render: renderOldest },
    { key: 'in', title: 'In /s', class: 'number', isDescending: true, sort: q => q.in, render: renderRate('in') },
    { key: 'out', title: 'Out /s', class: 'number', isDescending: true, sort: q => q.out, render: renderRate('out') },
    {
      key: 'chart-cell', title: 'Depth, 5 min',
      render: (q, cell) => {
        if (!onScreen().has(cell.parentElement)) return;
        const points = state.history.get(q.name) ?? [];
        if (points.length < 2 && cell.firstChild) return;
        cell.replaceChildren(sparkline(points, state.settings?.windowSeconds ?? 300, now() / 1000));
      },
    },
  ];
}

function renderName(queue, cell) {
  if (!cell.firstChild) cell.append(h('a', { href: queueLink(queue.name) }, queue.name), h('span', { class: 'badge paused', hidden: true }, 'paused'));
  cell.lastChild.hidden = !queue.paused;
}

function renderOldest(queue, cell) {
  setText(cell, age(queue.oldest, now()));
  setClass(cell, 'zero', !queue.oldest);
}

function renderRate(key) {
  return (queue, cell) => {
    setText(cell, rate(queue[key]));
    setClass(cell, 'zero', !queue[key]);
  };
}

function summarize(element) {
  const queues = [...state.queues.values()].filter(q => !isOfParent(q.name));
  const sum = key => queues.reduce((total, q) => total + (q[key] ?? 0), 0);
  const isEstimate = mark => queues.some(q => q.estimates.includes(mark));
  tiles(element, [
    ['Depth', count(sum('ready'), isEstimate('r'))], ['In hand', count(sum('inHand'), isEstimate('i'))], ['Later', count(sum('later'), isEstimate('l'))],
    ['Dead', count(sum('dead'), isEstimate('d')), sum('dead') > 0 ? 'bad' : ''], ['In /s', rate(sum('in'))], ['Out /s', rate(sum('out'))],
  ]);
}

/** Figures with their names, kept in place. */
export function tiles(element, figures) {
  if (element.children.length !== figures.length) element.replaceChildren(...figures.map(([name]) => h('div', null, h('dt', null, name), h('dd'))));
  figures.forEach(([, value, name], i) => {
    const figure = element.children[i].lastChild;
    setText(figure, value);
    figure.className = name ?? '';
  });
}
