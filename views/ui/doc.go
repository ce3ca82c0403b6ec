// Package ui holds what the pages of all rooms share: the frame around a page,
// components, icons, times and formats, the addresses of the program, problems in
// words, and the messages in English and Chinese.
//
// The rooms beside it hold the pages: batches, nodes, plan, templates and admin.
// They import ui and never the other way round. No room calls a service; they
// know its plain types.
package ui
