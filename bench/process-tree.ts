/** What a process and its children cost, by Linux's account of them. */
import { readdirSync, readFileSync } from 'node:fs'

/** Microseconds of processor time that the tree has used so far: the first figure of /proc/PID/task/TID/schedstat, in nanoseconds. */
export function cpuMicrosOf(root: number): number {
  let nanos = 0
  for (const pid of treeOf(root)) {
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      nanos += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1').split(' ')[0])
    }
  }
  return nanos / 1000
}

/** Megabytes (10^6) that the tree's processes have had resident at most, each by its own peak. */
export function peakMegabytesOf(root: number): number {
  return bytesOf(root, 'VmHWM') / 1e6
}

/** Bytes that the tree's processes have resident now. */
export function residentBytesOf(root: number): number {
  return bytesOf(root, 'VmRSS')
}

function bytesOf(root: number, line: 'VmHWM' | 'VmRSS'): number {
  let kibibytes = 0
  for (const pid of treeOf(root)) {
    const found = new RegExp(`^${line}:\\s*(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'latin1'))
    kibibytes += Number(found?.[1] ?? Number.NaN)
  }
  return kibibytes * 1024
}

function treeOf(root: number): number[] {
  const tree = [root]
  for (const pid of tree) {
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      const children = readFileSync(`/proc/${pid}/task/${task}/children`, 'latin1').trim()
      if (children !== '') tree.push(...children.split(' ').map(Number))
    }
  }
  return tree
}
