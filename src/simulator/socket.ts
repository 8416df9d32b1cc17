import type { Socket } from 'node:net'

/** Resets a connection (RST). What was written before still goes out first. */
export async function resetSocket(socket: Socket): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
  while (socket.writableLength > 0 && !socket.destroyed) {
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  socket.resetAndDestroy()
}

/** Resolves when a writer that is behind has caught up, or its reader is gone. */
export async function caughtUp(writer: NodeJS.WritableStream, gone: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      writer.off('drain', done)
      gone.removeEventListener('abort', done)
      resolve()
    }
    writer.on('drain', done)
    gone.addEventListener('abort', done)
  })
}

/**
 * Waits for something on a connection that is not being read, with a signal that aborts when the other end leaves.
 *
 * Only reading shows that it has left, so the connection is read without taking anything away from it.
 */
export async function whenGone(socket: Socket, wait: (gone: AbortSignal) => Promise<void>): Promise<void> {
  const gone = new AbortController()
  const look = (): void => {
    if (socket.readableLength === 0) socket.read(0)
  }
  const leave = (): void => {
    socket.destroy()
    gone.abort()
  }
  socket.on('readable', look).on('end', leave).on('close', leave)
  await wait(gone.signal)
  socket.off('readable', look).off('end', leave).off('close', leave)
}
