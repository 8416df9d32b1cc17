import { equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { classOf, type ErrorWords, type FaultClass } from './fault-class.ts'

const MODEL = 'The model `m` does not exist or you do not have access to it.'

function words(errorMessage: string | undefined, errorParam?: string, errorCode?: string): ErrorWords {
  return { errorCode, errorType: 'invalid_request_error', errorMessage, errorParam }
}

function expectAll(status: number, errorClass: FaultClass, all: readonly ErrorWords[]): void {
  for (const said of all) equal(classOf(status, said), errorClass, JSON.stringify(said))
}

suite('what an error says of the model and the tier', () => {
  test('is about the model when it begins so, whatever upstream calls the parameter or leaves out', () => {
    expectAll(404, 'model_not_found', [
      words(MODEL),
      words(MODEL, 'model'),
      words('model m not found'),
      words('The requested model “m” does not exist.'),
      words('The specified model:\n m\n does not exist'),
      words('Your organization must be verified, it does not have access to the model m.'),
    ])
    expectAll(403, 'model_not_found', [
      words('Project `p` does not have access to model `m`'),
      words('You do not have access to the model m.', 'model'),
    ])
  })

  test('is not about the model when what a caller made up stands in the middle of it', () => {
    expectAll(404, 'bad_request', [
      words("Item with id 'rs_-model-1' not found. Items are not persisted when `store` is set to false.", 'input'),
      words("Item with id 'the model m does not exist' not found."),
      words(`No tool is called "${MODEL}".`),
      words(`\n${MODEL}`),
      words(`The model of the file ${'x'.repeat(300)} was not found`),
    ])
    expectAll(403, 'forbidden', [words('Missing scopes: you do not have access to model.request')])
  })

  test('is not about the model when upstream names another parameter', () => {
    expectAll(404, 'bad_request', [words(MODEL, 'input'), words(MODEL, 'tools[0].model')])
    expectAll(403, 'forbidden', [words('You do not have access to the model m.', 'tools')])
    // A code is upstream's own word.
    expectAll(404, 'model_not_found', [words(MODEL, 'input', 'model_not_found')])
  })

  test('is about the tier when upstream names it as the parameter, or names none and speaks of it', () => {
    const said = "Invalid value: 'service_tier'. Supported values are: 'function', 'web_search'."
    expectAll(400, 'service_tier', [
      words('Not available.', 'service_tier'),
      words('Invalid service_tier argument'),
      words('The service tier priority is not available.', undefined, 'invalid_value'),
    ])
    expectAll(400, 'bad_request', [
      words(said, 'tools[0].type'),
      words(said, 'tools[0].type', 'invalid_value'),
      words('Invalid service_tier argument', 'input'),
      words('Must be a string.', 'service_tier', 'invalid_type'),
    ])
  })
})
