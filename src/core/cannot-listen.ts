const WHY_NOT: Readonly<Record<string, string>> = {
  EADDRINUSE: 'something else listens there',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'this user may not listen there',
}

/** The error of a listener that did not get its address; `setting` is where it can be changed: `[server] bind_addr`. */
export function cannotListen(
  { host, port }: { readonly host: string; readonly port: number },
  setting: string,
  cause: Error & { readonly code?: string | undefined },
): Error {
  const why = WHY_NOT[cause.code ?? ''] ?? cause.message
  return new Error(`cannot listen on ${host}:${port} (${setting}): ${why}`, { cause })
}
