module github.com/lensbus/lensbus

go 1.26.0
