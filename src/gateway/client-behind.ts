import type { MemberId } from '../core/units.ts'
import type { Body, Client, HeaderList } from '../ports.ts'

/** Another client's front: everything goes to the one behind it, but for what a class says otherwise. */
export class ClientBehind implements Client {
  protected readonly behind: Client

  constructor(behind: Client) {
    this.behind = behind
  }

  get signal(): AbortSignal {
    return this.behind.signal
  }

  get method(): string {
    return this.behind.method
  }

  get path(): string {
    return this.behind.path
  }

  get headers(): HeaderList {
    return this.behind.headers
  }

  read(member: MemberId): Promise<Body> {
    return this.behind.read(member)
  }

  begin(status: number, headers: HeaderList): void {
    this.behind.begin(status, headers)
  }

  write(chunk: Uint8Array): boolean {
    return this.behind.write(chunk)
  }

  drained(): Promise<void> {
    return this.behind.drained()
  }

  end(): void {
    this.behind.end()
  }

  cut(): void {
    this.behind.cut()
  }
}
