import type { AdminKey, AdminKeys } from '../ports.ts'

/** What an administrator calls an organization who has only one. */
export const ONLY_ORGANIZATION = 'default'

export function setAdminKey(keys: AdminKeys, organization: string, secret: string): Promise<AdminKey> {
  return keys.set(organization, secret)
}

export function switchAdminKey(keys: AdminKeys, organization: string, enabled: boolean): Promise<AdminKey> {
  return keys.switch(organization, enabled)
}

export function removeAdminKey(keys: AdminKeys, organization: string): Promise<AdminKey> {
  return keys.remove(organization)
}

export function listAdminKeys(keys: AdminKeys): Promise<readonly AdminKey[]> {
  return keys.list()
}
