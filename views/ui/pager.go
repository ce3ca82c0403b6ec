package ui

// pageAddress returns the address of a page, "" when there is no such page.
func pageAddress(page, pages int, address func(page int) string) string {
	if page < 1 || page > pages {
		return ""
	}
	return address(page)
}
