import { healthContract } from './coordinator-health.ts'
import type { MakeCoordinator } from './coordinator-kit.ts'
import { placesContract } from './coordinator-places.ts'
import { seatsContract } from './coordinator-seats.ts'
import { sharesContract } from './coordinator-shares.ts'

/** What every coordinator keeps to, in real time. */
export function coordinatorContract(name: string, make: MakeCoordinator): void {
  placesContract(name, make)
  seatsContract(name, make)
  sharesContract(name, make)
  healthContract(name, make)
}
