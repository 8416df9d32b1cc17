import { accessSync, chownSync, constants, existsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Makes a file that this process has made belong to the user of another one, or of its folder: an administrator's command
 * may run as root, and the gateway as somebody else. Returns what the administrator should know, if that may not be done.
 */
export function ownAs(path: string, like: string): string | undefined {
  const [is, should] = [statSync(path), statSync(existsSync(like) ? like : dirname(like))]
  if (is.uid === should.uid) return undefined
  try {
    chownSync(path, should.uid, should.gid)
    return undefined
  } catch {
    // Only root may give files away.
    return `${path} belongs to user ${is.uid}, and not to user ${should.uid} as before: chown it if the gateway runs as that one`
  }
}

/** What keeps this user from working with a database, in words; undefined where permissions do not. */
export function forbidden(databasePath: string, files: readonly string[]): string | undefined {
  const { R_OK, W_OK } = constants
  const closed = files.find((file) => existsSync(file) && !may(file, R_OK | W_OK))
  if (closed !== undefined) return `the permissions of ${closed} do not let this user read and write it`
  const folder = dirname(databasePath)
  if (!may(folder, W_OK)) return `the permissions of the folder ${folder} do not let this user make files in it`
  return undefined
}

function may(path: string, mode: number): boolean {
  try {
    accessSync(path, mode)
    return true
  } catch {
    return false
  }
}
