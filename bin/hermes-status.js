#!/usr/bin/env node
import { entry, launch } from './launch.js'

await launch(entry('status'), process.argv.slice(2))
