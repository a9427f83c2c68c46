// Requests to the server this page came from.

export async function read(path, parameters) {
  return answer(await fetch(`api/${path}?${new URLSearchParams(parameters)}`, { headers: { accept: 'application/json' } }));
}

export function write(path, body) {
  return send(path, JSON.stringify(body));
}

/** About one message. A number of JavaScript would round a large id; its digits go into the text as they are. */
export function writeAbout(id, path, body) {
  return send(path, JSON.stringify(body).replace(/\}$/, `,"id":${BigInt(id)}}`));
}

/** The token is asked for each time: an older one may be of a server that was replaced. */
async function send(path, body) {
  const { token, header } = await read('token', {});
  return answer(await fetch(`api/${path}`, { method: 'POST', headers: { 'content-type': 'application/json', [header]: token }, body }));
}

async function answer(response) {
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new Error(body?.error ?? `The server answered ${response.status}.`);
  return body;
}
