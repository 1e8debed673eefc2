package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;

/** A text's or image's answer, as JSON and for people. */
record Answer(ObjectNode json, String text) {}
