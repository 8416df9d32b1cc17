import { booksContract } from './books.contract.ts'
import { callReportsContract } from './call-reports.contract.ts'
import { directoryContract } from './directory.contract.ts'
import { ledgerContract } from './ledger.contract.ts'
import { ledgerRowsContract } from './ledger-rows.contract.ts'
import { ledgerModel } from './ledger.model.ts'
import { outboxContract } from './outbox.contract.ts'
import { rateBookContract } from './rate-book.contract.ts'
import { moneyContract } from './money.contract.ts'
import { quotasContract } from './quotas.contract.ts'
import { recoveryContract } from './recovery.contract.ts'
import { registryContract } from './registry.contract.ts'
import { reportsContract } from './reports.contract.ts'
import { rollingContract } from './rolling.contract.ts'
import { retentionContract } from './retention.contract.ts'
import { rollupsModel } from './rollups.model.ts'
import { sqliteDatabase } from './sqlite-database.ts'

booksContract(sqliteDatabase)
directoryContract(sqliteDatabase)
ledgerContract(sqliteDatabase)
ledgerRowsContract(sqliteDatabase)
ledgerModel(sqliteDatabase, { role: 'cli', numRuns: 150 })
outboxContract(sqliteDatabase)
rateBookContract(sqliteDatabase)
moneyContract(sqliteDatabase)
quotasContract(sqliteDatabase)
recoveryContract(sqliteDatabase)
registryContract(sqliteDatabase)
callReportsContract(sqliteDatabase)
reportsContract(sqliteDatabase)
rollingContract(sqliteDatabase)
retentionContract(sqliteDatabase)
rollupsModel(sqliteDatabase)
