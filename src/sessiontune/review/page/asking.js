// Questions to the server, and changes. What goes wrong becomes an Error that can be shown.

export async function ask(path, values = {}, signal = undefined) {
  const query = new URLSearchParams(Object.entries(values).filter(([, v]) => v !== ""));
  return answer(await reach(`${path}?${query}`, { signal }));
}

export async function change(path, body = {}) {
  const headers = { "Content-Type": "application/json", "X-Sessiontune": "review" };
  return answer(await reach(path, { method: "POST", headers, body: JSON.stringify(body) }));
}

async function reach(path, how) {
  try {
    return await fetch(path, how);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("`sessiontune review` does not answer: start it again, and open its new address.");
  }
}

async function answer(reply) {
  if (reply.ok) return reply.json();
  const said = await reply.json().catch(() => ({})); // a fault of the server itself is no JSON
  const { message = "The server could not answer.", hint = "" } = said.error ?? {};
  throw new Error(`${message} ${hint}`.trim());
}
