// Shows the page that the address names, and what is the same on all of them.

import { doctorPage } from './doctor.js';
import { setText } from './dom.js';
import { connect, listen, state } from './live.js';
import { overviewPage } from './overview.js';
import { queuePage } from './queue.js';

const main = document.getElementById('main');
let page = null;

function route() {
  const [kind, name, tab] = location.hash.replace(/^#\//, '').split('/');
  if (kind === 'doctor') return doctorPage;
  return kind === 'queue' && name ? () => queuePage(decode(name), tab) : overviewPage;
}

function decode(name) {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

function show() {
  page?.stop();
  // What was asked on the page before is not asked any more.
  for (const dialog of document.querySelectorAll('dialog')) dialog.close();
  page = route()();
  main.replaceChildren(page.element);
  document.getElementById('doctor').ariaCurrent = location.hash === '#/doctor' ? 'page' : null;
  document.title = `${page.title} – tpq`;
  scrollTo(0, 0);
}

function showState() {
  const { settings, isConnected, trouble } = state;
  const live = document.getElementById('live'), mode = document.getElementById('mode'), words = document.getElementById('trouble');
  live.className = `live ${!isConnected ? 'off' : trouble ? 'bad' : 'on'}`;
  setText(live, !isConnected ? 'reconnecting' : trouble ? 'stale' : 'live');
  words.hidden = isConnected && !trouble;
  setText(words, !isConnected ? 'The dashboard\'s server does not answer. What is shown is as it was last; it is asked again every two seconds.'
    : trouble ? `${trouble} What is shown is as it was last.` : '');
  if (!settings) return;
  setText(document.getElementById('database'), settings.database ?? '');
  mode.hidden = false;
  setText(mode, settings.allowsWrites ? 'read and write' : 'read only');
  mode.className = settings.allowsWrites ? 'badge writes' : 'badge reads';
}

addEventListener('hashchange', () => {
  show();
  main.focus({ preventScroll: true });
});
addEventListener('keydown', event => {
  if (event.target.closest?.('input:not([type=checkbox]), textarea, dialog') || event.ctrlKey || event.metaKey || event.altKey) return;
  if (page.key?.(event)) event.preventDefault();
});
listen(showState);
show();
connect();
