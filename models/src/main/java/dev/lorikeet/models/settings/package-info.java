/**
 * Settings said once: a record's components, with their defaults in an instance of it, make
 * recipes, flags, help, the JSON schema and the tables of docs/training.md.
 */
@NullMarked
package dev.lorikeet.models.settings;

import org.jspecify.annotations.NullMarked;
