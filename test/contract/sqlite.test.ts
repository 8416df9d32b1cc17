import { callReportsContract } from './call-reports.contract.ts'
import { directoryContract } from './directory.contract.ts'
import { ledgerContract } from './ledger.contract.ts'
import { ledgerRowsContract } from './ledger-rows.contract.ts'
import { ledgerModel } from './ledger.model.ts'
import { registryContract } from './registry.contract.ts'
import { reportsContract } from './reports.contract.ts'
import { retentionContract } from './retention.contract.ts'
import { rollupsModel } from './rollups.model.ts'
import { sqliteDatabase } from './sqlite-database.ts'

directoryContract(sqliteDatabase)
ledgerContract(sqliteDatabase)
ledgerRowsContract(sqliteDatabase)
ledgerModel(sqliteDatabase)
registryContract(sqliteDatabase)
callReportsContract(sqliteDatabase)
reportsContract(sqliteDatabase)
retentionContract(sqliteDatabase)
rollupsModel(sqliteDatabase)
