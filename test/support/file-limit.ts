import { execFileSync, spawnSync } from 'node:child_process'

/** Of util-linux: changes the limits of a process that runs. */
const PRLIMIT = 'prlimit'

/** Why files cannot be limited here; false where they can. */
export const noLimits: string | false = spawnSync(PRLIMIT, ['--version']).status !== 0 && 'needs prlimit of util-linux'

/** The longest file that a process may write from now on, in bytes, as on a disk that is full; `unlimited` ends that. */
export function limitFiles(pid: number, bytes: number | 'unlimited'): void {
  execFileSync(PRLIMIT, ['--pid', String(pid), `--fsize=${bytes}:`])
}
